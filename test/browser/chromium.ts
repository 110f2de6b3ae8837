/** Debian's package. */
export const CHROMIUM = '/usr/bin/chromium';

/** A browser that asks nobody anything. Root has no sandbox to give. */
export const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
