/** Whether a request failed because the server did not answer; browsers have different messages for it. */
export function isUnreachable(error: Error): boolean {
  return error instanceof TypeError && /fetch|network|load failed/i.test(error.message);
}
