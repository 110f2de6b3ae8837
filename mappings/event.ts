/** An OCSF event as built by a mapper. Attribute names and nesting are OCSF's own. */
export interface OcsfEvent {
  category_uid: number;
  class_uid: number;
  activity_id: number;
  type_uid: number;
  severity_id: number;
  time: number;
  metadata: { uid: string; version: string; [attribute: string]: unknown };
  [attribute: string]: unknown;
}

/** A validated event, ready for a sink: its text and what a sink needs to place it. */
export interface NormalisedEvent {
  readonly uid: string;
  readonly classUid: number;
  readonly typeUid: number;
  /** Epoch milliseconds of the event. */
  readonly time: number;
  /** `metadata.event_code`: JumpCloud's event type. */
  readonly eventCode: string;
  /** Keeps one person's events in order: user.uid, else user.name, else the organization, else ''. */
  readonly partitionKey: string;
  /** The event as JSON; whole-numbered floats are written with `.0` (OCSF tells 38 from 38.0). */
  readonly text: string;
}
