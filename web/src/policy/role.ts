const sources: Record<string, string> = {
  rest: 'This portal',
  'csv-file': 'File',
  configuration: 'Configuration',
};

/** Where a role comes from, in words. */
export function sourceLabel(source: string): string {
  return sources[source] ?? source;
}

/** The name of a role without its kind: default/developers. */
export function shortName(role: string): string {
  return role.replace(/^role:/, '');
}
