interface NoPluginsProps {
  lists: 'permissions' | 'rules';
  /** What that means for the form. */
  until: string;
}

/** What to do when the server lists no permissions or rules. */
export function NoPlugins({ lists, until }: NoPluginsProps) {
  return (
    <p className="max-w-[70ch] text-small text-muted">
      The server lists no {lists}. Name the plugins that roles are about in{' '}
      <code className="font-mono">permission.rbac.pluginsWithPermission</code>: catalog, scaffolder, permission. Until
      then, {until}.
    </p>
  );
}
