/** What response can do. Group provisioning is two of them. */
export type Verb = 'disable-user' | 'enable-user' | 'add-to-group' | 'remove-from-group' | 'expire-password';

export interface VerbFacts {
  /** JumpCloud's own word for it. */
  readonly jumpcloud: string;
  /** True: it changes a membership, and needs a group. */
  readonly ofGroup: boolean;
  /** The scope that the service account's role needs for it (deploy/OPERATIONS.md, Response). */
  readonly scope: string;
  /** The verb that restores what was before; undefined: it cannot be undone. */
  readonly undoneBy: Verb | undefined;
  /** What an operator must know that the name does not say. */
  readonly caution: string | undefined;
  /** What was done, of `NAME`: "suspended ana". */
  readonly past: string;
}

export const verbs: Readonly<Record<Verb, VerbFacts>> = {
  'disable-user': {
    jumpcloud: 'suspend',
    ofGroup: false,
    scope: 'users.state.suspend',
    undoneBy: 'enable-user',
    caution:
      'JumpCloud logs the user out of devices and resources; Windows Home devices stay logged in, and an administrator account of the same person stays usable.',
    past: 'suspended',
  },
  'enable-user': {
    jumpcloud: 'activate again',
    ofGroup: false,
    scope: 'users.properties.update',
    undoneBy: 'disable-user',
    caution: undefined,
    past: 'activated',
  },
  'add-to-group': {
    jumpcloud: 'add to user group',
    ofGroup: true,
    scope: 'groups',
    undoneBy: 'remove-from-group',
    caution: undefined,
    past: 'added',
  },
  'remove-from-group': {
    jumpcloud: 'remove from user group',
    ofGroup: true,
    scope: 'groups',
    undoneBy: 'add-to-group',
    caution: 'Memberships through other groups stay.',
    past: 'removed',
  },
  'expire-password': {
    jumpcloud: 'force a password reset',
    ofGroup: false,
    scope: 'users.password.expire',
    undoneBy: undefined,
    caution:
      'It does not contain an attacker: whoever is logged in stays logged in until the next login. It cannot be undone. Use disable-user to contain.',
    past: 'expired the password of',
  },
};
