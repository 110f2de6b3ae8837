// Makes this process's wall clock, with the times of files, and that of every Node that it starts, begin at CLOCK (an
// RFC 3339 date-time). Timers and the monotonic clock stay as they are; so do certificates and what other programs see.
import child_process from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const RealDate = Date;
process.env.CLOCK_OFFSET_MS ??= String(RealDate.parse(process.env.CLOCK) - RealDate.now());
const { CLOCK_OFFSET_MS } = process.env;
// A child may have options of its own.
const withClock = (options = '') => `${options.replace(/--import=\S*set-clock\.mjs/, '')} --import=${import.meta.url}`;
process.env.NODE_OPTIONS = withClock(process.env.NODE_OPTIONS);
const offset = Number(CLOCK_OFFSET_MS);

const MovedDate = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + offset);
    else super(...given);
  }

  static now() {
    return RealDate.now() + offset;
  }
};
Object.defineProperties(MovedDate, {
  name: { value: 'Date' },
  // Dates that Node itself makes (of files) are such as well.
  [Symbol.hasInstance]: { value: (value) => value instanceof RealDate },
});
globalThis.Date = MovedDate;

const movedTimes = (stats) => {
  for (const time of ['atime', 'mtime', 'ctime', 'birthtime']) {
    if (typeof stats?.[`${time}Ms`] !== 'number') return stats;
    stats[`${time}Ms`] += offset;
    stats[time] = new RealDate(stats[`${time}Ms`]);
  }
  return stats;
};
const realTime = (time) => (time instanceof RealDate ? time.getTime() / 1000 : Number(time)) - offset / 1000;
const { statSync, lstatSync, utimesSync } = fs;
const { stat, lstat, utimes } = fs.promises;
Object.assign(fs, {
  statSync: (...given) => movedTimes(statSync(...given)),
  lstatSync: (...given) => movedTimes(lstatSync(...given)),
  utimesSync: (path, atime, mtime) => utimesSync(path, realTime(atime), realTime(mtime)),
});
Object.assign(fs.promises, {
  stat: async (...given) => movedTimes(await stat(...given)),
  lstat: async (...given) => movedTimes(await lstat(...given)),
  utimes: (path, atime, mtime) => utimes(path, realTime(atime), realTime(mtime)),
});

const { spawn } = child_process;
// Some tests give their children an environment of their own.
child_process.spawn = (file, args, options) => {
  const [list, more] = Array.isArray(args) ? [args, options] : [[], args];
  const env = more?.env ?? process.env;
  return spawn(file, list, { ...more, env: { ...env, CLOCK_OFFSET_MS, NODE_OPTIONS: withClock(env.NODE_OPTIONS) } });
};
syncBuiltinESMExports();
