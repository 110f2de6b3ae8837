import type { UserState } from '../../collector/response/target.js';

/** A user whom nothing protects. */
export const ana: UserState = {
  id: '66a0c0ffee0000000000b001',
  username: 'ana.lima',
  email: 'ana.lima@example.test',
  state: 'ACTIVATED',
  suspended: false,
  passwordExpired: false,
  passwordExpiresAt: undefined,
  passwordNeverExpires: false,
  passwordElsewhere: false,
  synchronised: false,
  administrator: undefined,
};

/** A group whose members are set by hand. */
export const vpnUsers = {
  id: '66a0c0ffee0000000000c001',
  name: 'vpn-users',
  membershipMethod: 'STATIC',
  sudo: false,
};
