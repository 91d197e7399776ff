import { useQuery } from '@tanstack/react-query';
import { Button } from '@/ui/button';
import { plural } from '@/ui/format';
import { peopleQuery } from './people';

/** How many people a group brings into a role. */
export function MemberPeople({ member }: { member: string }) {
  const isGroup = member.startsWith('group:');
  const { data, isError, refetch } = useQuery({ ...peopleQuery(member), enabled: isGroup });
  if (isError && !data) {
    return (
      <span className="text-small text-failed">
        Its people could not be counted.
        <Button tone="quiet" onClick={() => refetch()}>
          Try again<span className="sr-only"> to count the people of {member}</span>
        </Button>
      </span>
    );
  }
  if (!isGroup || !data) return null;
  return (
    <span className="text-small text-muted">
      brings {data.count === 0 ? 'nobody' : plural(data.count, 'person', 'people')}
      {data.more && ' or more'}
    </span>
  );
}
