/**
 * The server's clock, as far as the answers tell of it. What the server dates is shown as a distance from now, and with
 * the clock of a browser that is an hour off, a run would have begun an hour ago, or in an hour.
 */
let offset = 0;
/** Between which the offset lies, in milliseconds: every answer narrows it down. */
let least = Number.NEGATIVE_INFINITY;
let most = Number.POSITIVE_INFINITY;

/** The time on the server, in milliseconds since 1970. */
export function serverNow(): number {
  return Date.now() + offset;
}

/**
 * Learns from the `Date` of an answer, which names the second in which it was given, somewhere between the request and
 * now. The browser's clock is believed as far as no answer speaks against it.
 */
export function learnTime({ headers }: Response, requestedAt: number): void {
  const second = Date.parse(headers.get('Date') ?? '');
  if (Number.isNaN(second)) return;
  const early = second - Date.now();
  const late = second + 1000 - requestedAt;
  least = Math.max(least, early);
  most = Math.min(most, late);
  // One of the clocks was set: what was learned before is no longer true.
  if (least > most) [least, most] = [early, late];
  offset = Math.min(Math.max(0, least), most);
}
