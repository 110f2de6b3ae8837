import fc from 'fast-check';

/** Properties are tried with the same values in every run; others by `SEED`. */
fc.configureGlobal({ seed: Number(process.env.SEED ?? 20261130) });
