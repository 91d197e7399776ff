import { useQuery } from '@tanstack/react-query';
import { plural } from '@/ui/format';
import { peopleQuery } from './people';

/** How many people a group brings into a role. */
export function MemberPeople({ member }: { member: string }) {
  const isGroup = member.startsWith('group:');
  const { data } = useQuery({ ...peopleQuery(member), enabled: isGroup });
  if (!isGroup || !data) return null;
  return (
    <span className="text-small text-muted">
      brings {data.count === 0 ? 'nobody' : plural(data.count, 'person', 'people')}
      {data.more && ' or more'}
    </span>
  );
}
