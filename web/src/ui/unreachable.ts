/** Whether a request failed because nobody answered it, as browsers say it: each in its own words. */
export function isUnreachable(error: Error): boolean {
  return error instanceof TypeError && /fetch|network|load failed/i.test(error.message);
}
