/**
 * Makes a link lead there from anywhere in the row around it, by any mouse button. The row is `relative`, and so is what
 * can be clicked in it besides.
 */
export const rowLink = 'after:absolute after:inset-0';
