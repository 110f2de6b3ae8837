import type { OcsfClass } from '../schemas/ocsf-target.js';

/** The attributes by which OCSF classifies an event: category, class, activity and type. */
export function classification(
  definition: OcsfClass,
  activityId: number,
  activityName = nameOf(definition, activityId),
) {
  return {
    category_uid: definition.categoryUid,
    category_name: definition.categoryName,
    class_uid: definition.uid,
    class_name: definition.caption,
    activity_id: activityId,
    activity_name: activityName,
    type_uid: definition.uid * 100 + activityId,
    type_name: `${definition.caption}: ${nameOf(definition, activityId)}`,
  };
}

function nameOf({ activities }: OcsfClass, activityId: number): string {
  return activities[activityId] as string;
}
