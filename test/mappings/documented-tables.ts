import { type Column, type ColumnType, duckType } from '../../collector/sinks/tables/columns.js';
import { activityTables, classTables } from '../../collector/sinks/tables/table-catalog.js';
import { flatColumns } from '../../collector/sinks/tables/views.js';
import type { DocumentedColumn, DocumentedTable } from '../../mappings/document/sample.js';

/** The tables of what happened, as a query sees them. */
export function documentedTables(): DocumentedTable[] {
  const flat = flatColumns.map(([name, type, ...paths]): DocumentedColumn => ({ name, type, paths }));
  const taken = new Set(flat.map(({ name }) => name));
  const happened = [...classTables].filter(([, table]) => activityTables.includes(table));
  return happened.map(([classUid, { name, columns }]) => ({
    classUid,
    name,
    columns: [...flat, ...columns.flatMap((column) => leavesOf(column, taken.has(column.name)))],
  }));
}

/** The columns below one, each with its path in the event; one that has a flat column's name bears another in SQL. */
function leavesOf({ name, type }: Column, renamed: boolean): DocumentedColumn[] {
  return below(renamed ? `${name}_object` : name, name, type);
}

function below(name: string, path: string, type: ColumnType): DocumentedColumn[] {
  if (type.kind === 'struct')
    return type.fields.flatMap((field) => below(`${name}.${field.name}`, `${path}.${field.name}`, field.type));
  if (type.kind === 'list' && type.item.kind === 'struct') return below(`${name}[]`, `${path}[]`, type.item);
  return [{ name, type: duckType(type), paths: [type.kind === 'list' ? `${path}[]` : path] }];
}
