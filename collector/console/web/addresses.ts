/** A segment of an address, of any text: halves of surrogate pairs, which an address cannot hold, become U+FFFD. */
export const segment = (text: string): string => encodeURIComponent(text.toWellFormed());

/** The page of a feed, or one of its tabs. */
export const feedAddress = (name: string, tab = ''): string => `/feeds/${segment(name)}${tab === '' ? '' : `/${tab}`}`;
