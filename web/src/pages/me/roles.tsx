import { Link } from '@tanstack/react-router';
import type { Self } from '@/api/types';
import { plural } from '@/ui/format';
import { Tag } from '@/ui/tag';

type Role = Self['roles'][number];

/** The roles of the person, how the person has them, and what they permit. */
export function Roles({ of: { user, byRoles, superUser, roles } }: { of: Self }) {
  if (!byRoles) {
    return <p className="text-muted">There are no roles here: whoever is signed in may use everything.</p>;
  }
  if (superUser) {
    return (
      <p>
        You may do everything: {superUser === user ? 'you are' : `${superUser} is`} a super user in the configuration.
      </p>
    );
  }
  if (roles.length === 0) {
    return <p className="text-muted">You have no role, so you may do nothing that needs a permission.</p>;
  }
  return (
    <ul className="divide-y">
      {roles.map((role) => (
        <li key={role.role} className="space-y-1 py-2.5">
          <p className="flex flex-wrap items-baseline gap-x-3">
            <span className="font-medium wrap-anywhere">{role.role}</span>
            <span className="text-small text-muted wrap-anywhere">{how(role)}</span>
          </p>
          {role.description && <p className="max-w-[60ch]">{role.description}</p>}
          <Permits of={role} />
        </li>
      ))}
    </ul>
  );
}

function how({ everybody, groups, owner }: Role): string {
  const owned = owner ? `; ask ${owner} about it` : '';
  if (everybody) return `everybody has it${owned}`;
  if (groups.length === 0) return `you are a member${owned}`;
  return `through ${groups.join(' → ')}${owned}`;
}

const effects: Record<string, string> = { deny: 'denied', conditional: 'under conditions' };

function Permits({ of: { permits, total } }: { of: Role }) {
  if (total === 0) return <p className="text-small text-muted">It permits nothing.</p>;
  return (
    <details>
      <summary className="w-fit cursor-pointer text-small text-muted hover:text-ink">
        What it permits ({plural(total, 'line')})
      </summary>
      <ul className="space-y-1 py-1 text-small">
        {permits.map(({ name, action, effect }) => (
          <li key={`${name} ${action} ${effect}`} className="flex flex-wrap items-center gap-x-2">
            <Name of={name} />
            <span className="text-muted">{action}</span>
            {effects[effect] && <Tag>{effects[effect]}</Tag>}
          </li>
        ))}
        {total > permits.length && <li className="text-muted">and {plural(total - permits.length, 'more line')}</li>}
      </ul>
    </details>
  );
}

/** A permission links to its explanation. A resource type has none. */
function Name({ of }: { of: string }) {
  const name = <code className="font-mono wrap-anywhere">{of}</code>;
  if (!of.includes('.')) return name;
  return (
    <Link to="/explain" search={{ permission: of }} className="hover:text-accent hover:underline">
      {name}
    </Link>
  );
}
