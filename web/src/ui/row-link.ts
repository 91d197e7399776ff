/**
 * Extends a link over the whole row around it, for any mouse button. The row must be `relative`, and so must
 * other clickable elements in it.
 */
export const rowLink = 'after:absolute after:inset-0';
