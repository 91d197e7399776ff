/**
 * Whether a request failed because the server did not answer, or not in time; browsers have different messages for it.
 */
export function isUnreachable(error: Error): boolean {
  if (error instanceof DOMException) return error.name === 'TimeoutError';
  return error instanceof TypeError && /fetch|network|load failed/i.test(error.message);
}
