/** What to do when the server lists no permissions and rules. */
export function NoPlugins() {
  return (
    <p className="max-w-[70ch] text-small text-muted">
      The server lists no permissions. Name the plugins that roles are about in{' '}
      <code className="font-mono">permission.rbac.pluginsWithPermission</code>: catalog, scaffolder, permission. Until
      then, permissions have to be typed.
    </p>
  );
}
