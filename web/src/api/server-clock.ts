/**
 * An estimate of the server's clock from its responses. Times of the server are shown relative to now. With a
 * browser's clock that is an hour off, a run would have begun an hour ago, or in an hour.
 */
let offset = 0;
/** The bounds of the offset, in milliseconds. Every response narrows them. */
let least = Number.NEGATIVE_INFINITY;
let most = Number.POSITIVE_INFINITY;

/** The time on the server, in milliseconds since 1970. */
export function serverNow(): number {
  return Date.now() + offset;
}

/**
 * Updates the bounds by the `Date` of a response, which is the second of a moment between the request and
 * now. Without a contradiction, the browser's clock is used.
 */
export function learnTime({ headers }: Response, requestedAt: number): void {
  const second = Date.parse(headers.get('Date') ?? '');
  if (Number.isNaN(second)) return;
  const early = second - Date.now();
  const late = second + 1000 - requestedAt;
  least = Math.max(least, early);
  most = Math.min(most, late);
  // One of the clocks was changed, so earlier bounds are invalid.
  if (least > most) [least, most] = [early, late];
  offset = Math.min(Math.max(0, least), most);
}
