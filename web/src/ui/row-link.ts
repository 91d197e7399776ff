/**
 * Extends a link over the whole row around it, for any mouse button. The row must be `relative`, and so must
 * other clickable elements in it.
 */
export const rowLink = 'after:absolute after:inset-0';

/** A row that says on hover that all of it is a link. The color reaches beyond the text, the line between rows does not. */
export const linkedRow =
  'relative isolate before:absolute before:-inset-x-2 before:inset-y-0 before:-z-10 before:rounded hover:before:bg-hover';
