/** Who a person is among the employees, and how that is known. */
export interface EmployeeMatch {
  /**
   * `identifier`: the account's own employee identifier is in the list; `exact`: its e-mail; `alternate`: its alternate
   * e-mail; `own_email`: there is no list, and the account's e-mail stands for the employee; `ambiguous`: several employees
   * have it, and none is chosen; `none`: nobody has it.
   */
  readonly match: 'identifier' | 'exact' | 'alternate' | 'own_email' | 'ambiguous' | 'none';
  /** The employee's id in the list, else the e-mail in normal form; undefined where none was chosen. */
  readonly employee: string | undefined;
  /** What was looked for. */
  readonly matchedOn: string | undefined;
}
