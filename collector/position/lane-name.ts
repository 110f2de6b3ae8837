/** The lane that delivers dead letters which map by now: one a feed, with a lock and a position of its own. */
export const replayLane = 'replay';
