import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Check, CircleSlash } from 'lucide-react';
import { type ReactNode, useEffect, useId, useState } from 'react';
import { explainQuery } from '@/api/queries';
import type { Explanation } from '@/api/types';
import type { ExplainSearch } from '@/search-params';
import { Button } from '@/ui/button';
import { Input } from '@/ui/input';
import { Empty, ErrorPanel, Skeleton } from '@/ui/states';

const route = getRouteApi('/explain');

/** Why somebody may do something or may not, and what would change it. */
export function ExplainPage() {
  const search = route.useSearch();
  const { user, permission, resource } = search;
  const query = useQuery({
    ...explainQuery({ permission: permission ?? '', ...(user && { user }), ...(resource && { resource }) }),
    enabled: permission !== undefined,
  });
  useEffect(() => {
    document.title = 'Permissions · Portico';
  }, []);

  return (
    <div className="max-w-3xl space-y-4">
      <h1 className="text-title">Permissions</h1>
      <Question key={JSON.stringify(search)} search={search} />
      {query.error && <ErrorPanel error={query.error} doing="explain it" onRetry={() => query.refetch()} />}
      {permission && query.isPending && <Skeleton lines={5} />}
      {query.data && <Answer of={query.data} />}
      {!permission && (
        <Empty title="Ask why somebody may do something, or may not.">
          <p>Everybody may ask about themselves. To ask about others, one has to be able to read all roles.</p>
        </Empty>
      )}
    </div>
  );
}

function Question({ search }: { search: ExplainSearch }) {
  const navigate = route.useNavigate();
  const [typed, setTyped] = useState(search);
  const field = (key: keyof ExplainSearch, label: string, placeholder: string) => (
    <Field
      label={label}
      value={typed[key] ?? ''}
      placeholder={placeholder}
      onChange={(value) => setTyped({ ...typed, [key]: value.trim() || undefined })}
    />
  );
  return (
    <search>
      <form
        className="grid gap-3 sm:grid-cols-3"
        onSubmit={(event) => {
          event.preventDefault();
          navigate({ search: typed });
        }}
      >
        {field('user', 'User', 'you')}
        {field('permission', 'Permission', 'catalog.entity.delete')}
        {field('resource', 'Resource', 'component:default/shop')}
        <div>
          <Button type="submit">Explain</Button>
        </div>
      </form>
    </search>
  );
}

function Field(field: { label: string; value: string; placeholder: string; onChange: (value: string) => void }) {
  const id = useId();
  return (
    <div className="space-y-1">
      <label htmlFor={id} className="text-small text-muted">
        {field.label}
      </label>
      <Input
        id={id}
        value={field.value}
        placeholder={field.placeholder}
        onChange={(event) => field.onChange(event.target.value)}
      />
    </div>
  );
}

const may: Record<string, string> = { ALLOW: 'may', CONDITIONAL: 'may, under conditions,' };

const bases: Record<string, string> = {
  token: 'The token decides, not roles.',
  nothing: 'No role of the user is about this permission.',
  policies: 'These policies decide.',
  conditions: 'These conditions decide. One of them must hold, and policies do not count beside them.',
  failure: 'The decision failed, which denies.',
  superUser: 'This is a super user.',
};

const verdicts: Record<string, string> = {
  holds: 'holds',
  fails: 'does not hold',
  unknown: 'is not known: the resource does not exist, or you may not read it',
};

function Answer({ of: e }: { of: Explanation }) {
  const Icon = e.result === 'DENY' ? CircleSlash : Check;
  return (
    <section aria-label="Explanation" className="space-y-4">
      <p className="flex gap-2 font-medium wrap-anywhere">
        <Icon
          size={16}
          aria-hidden
          className={`mt-0.5 shrink-0 ${e.result === 'DENY' ? 'text-failed' : 'text-muted'}`}
        />
        {e.user} {may[e.result] ?? 'may not'} {e.permission}
        {e.resource && ` on ${e.resource}`}
      </p>
      <p className="text-muted">
        {e.decidedAs && `No role of the user names ${e.permission}, so it is decided as ${e.decidedAs}. `}
        {bases[e.basis]} {e.failure} {!e.known && 'Portico has no permission of this name: check its spelling.'}
      </p>
      <Part title="Rules">
        {e.rules.map((rule) => (
          <li key={`${rule.rule} ${JSON.stringify(rule.params)}`}>
            <code className="font-mono text-small wrap-anywhere">
              {rule.rule} {JSON.stringify(rule.params)}
            </code>{' '}
            {verdicts[rule.verdict]}
            {rule.negated && ' (it must not hold)'}
          </li>
        ))}
      </Part>
      <Part title="Decided by">
        {e.policies.map((line) => (
          <Policy key={`${line.entityReference} ${line.effect}`} of={line} />
        ))}
        {e.conditions.map((condition) => (
          <li key={condition.id}>
            {condition.roleEntityRef} on {condition.resourceType}
            <From of={condition} />
          </li>
        ))}
      </Part>
      <Part title="Roles of the user">
        {e.roles.map((role) => (
          <li key={role.role} className="wrap-anywhere">
            {role.everybody ? `everybody → ${role.role}` : [e.user, ...role.groups, role.role].join(' → ')}
            <From of={role} />
          </li>
        ))}
      </Part>
      {e.result !== 'ALLOW' && e.basis !== 'token' && <Changes of={e} />}
    </section>
  );
}

function Changes({ of: e }: { of: Explanation }) {
  return (
    <>
      {e.changes.length === 0 && <p>No single role would allow it.</p>}
      <Part title="What would change it">
        {e.changes.map((change) => (
          <li key={`${change.do} ${change.role}`} className="wrap-anywhere">
            {change.do === 'join' ? `Join ${change.role}` : `Leave ${change.role}`}
            {change.result === 'CONDITIONAL' && ', which allows it under conditions'}
            <From of={change} />
            {change.owner && <span className="text-muted">. Ask {change.owner}, who owns the role.</span>}
          </li>
        ))}
      </Part>
      <Part title="Who may change roles">
        {e.maintainers.map((who) => (
          <li key={who}>{who}</li>
        ))}
      </Part>
    </>
  );
}

function Policy({ of: line }: { of: Explanation['policies'][number] }) {
  return (
    <li className="wrap-anywhere">
      <code className="font-mono text-small">
        p, {line.entityReference}, {line.permission}, {line.policy}, {line.effect}
      </code>
      <From of={line} />
    </li>
  );
}

/** Where something comes from: the line of a file, or its source. */
function From({ of }: { of: { source: string; file?: string; line?: number } }) {
  return <span className="text-small text-muted"> ({of.file ? `${of.file}:${of.line}` : of.source})</span>;
}

/** A list with a heading, if it has elements. */
function Part({ title, children }: { title: string; children: ReactNode[] | ReactNode[][] }) {
  if (children.flat().length === 0) return null;
  return (
    <section aria-label={title} className="space-y-1">
      <h2 className="text-small text-muted">{title}</h2>
      <ul className="space-y-1">{children}</ul>
    </section>
  );
}
