import { expect, it } from 'vitest';
import { readEmployees } from '../../collector/inventory/employees.js';

it.each([
  ['a list', '["ana@b.test"]', 'E1'],
  ['a text', '"x@b.test; ana@b.test"', 'E1'],
  ['an object', '{"toString":1}', undefined],
  ['null', 'null', undefined],
])('aliases of an employee that are %s in JSON name what they hold', (_, aliases, employee) => {
  const employees = readEmployees(`[{"employee_id":"E1","email":"e1@b.test","aliases":${aliases}}]`, 'employees.json');
  expect(employees.match({ email: 'e1@b.test' })).toMatchObject({ employee: 'E1' });
  expect(employees.match({ email: 'ana@b.test' })).toMatchObject({ employee });
});
