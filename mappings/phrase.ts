/** An action with its object, in the forms that a message needs. */
export interface ActionPhrase {
  /** After the actor: `locked the account of ana.lima`. */
  readonly done: string;
  /** After the actor and `tried to`: `lock the account of ana.lima`. */
  readonly todo: string;
  /** Without an actor: `the account ana.lima was locked`, or `was not locked`; absent where there is always an actor. */
  readonly passive?: { readonly done: string; readonly failed: string };
  /** True where the passive form says it also where an actor is known: nobody locks out himself. */
  readonly impersonal?: boolean;
  /** The event by its name alone, where nothing is known of what it means. */
  readonly event?: string;
}

/** Forms of a verb: past tense, infinitive and, where it is not the past tense, the participle. */
export type Verb = readonly [done: string, todo: string, participle?: string];

/**
 * A phrase of a verb and its object.
 * @param subject the object as the subject of the passive form, where it is called otherwise there
 * @param tail what follows object or participle: ` to ana.lima`
 */
export function phrase(
  [done, todo, participle = done]: Verb,
  object: string,
  subject = object,
  tail = '',
): ActionPhrase {
  return {
    done: `${done} ${object}${tail}`,
    todo: `${todo} ${object}${tail}`,
    passive: { done: `${subject} was ${participle}${tail}`, failed: `${subject} was not ${participle}${tail}` },
  };
}

/** Several phrases of one actor as one. */
export function joinPhrases(phrases: readonly ActionPhrase[]): ActionPhrase {
  const [first] = phrases;
  if (first === undefined) throw new TypeError('a message needs an action');
  if (phrases.length === 1) return first;
  return {
    done: enumerate(phrases.map(({ done }) => done)),
    todo: enumerate(phrases.map(({ todo }) => todo)),
    passive: {
      done: enumerate(phrases.map(({ passive, done }) => passive?.done ?? done)),
      failed: enumerate(phrases.map(({ passive, todo }) => passive?.failed ?? todo)),
    },
  };
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerate(texts: readonly string[]): string {
  return texts.length < 2 ? (texts[0] ?? '') : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
}

/** What happened without anybody doing it: `the password of ana.lima expired`. */
export function impersonal(done: string, failed = done): ActionPhrase {
  return { done, todo: done, passive: { done, failed }, impersonal: true };
}
