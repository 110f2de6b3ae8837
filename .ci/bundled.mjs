/** Packages whose code is part of what is built into dist/, though npm does not install them for production. */
export const BUNDLED = ['preact', 'preact-iso', 'uplot'];
