import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useId, useState } from 'react';
import { parseAllDocuments } from 'yaml';
import { validateEntity } from '@/api/catalog';
import { entityQuery, infoQuery } from '@/api/queries';
import { createTask } from '@/api/templates';
import type { DraftField, Inspection } from '@/api/types';
import { useCommand } from '@/api/use-command';
import { Button } from '@/ui/button';
import { CopyButton } from '@/ui/copy-button';
import { Textarea } from '@/ui/input';
import { ErrorPanel } from '@/ui/states';
import { repoUrlOf } from './repo-url';
import { ResultHeading } from './result-heading';

/** The template that opens the pull request. An installation has it by registering the one of the examples. */
const template = 'template:default/propose-descriptor';

/** A draft for a repository without a descriptor. It can be changed, checked and proposed. */
export function Proposal({ target, inspection }: { target: string; inspection: Inspection }) {
  const id = useId();
  const [descriptor, setDescriptor] = useState(inspection.descriptor);
  return (
    <section className="space-y-4">
      <ResultHeading>{inspection.repository} has no descriptor</ResultHeading>
      <p className="text-muted">
        This one was drafted from what is in the branch {inspection.branch}. It would be {inspection.target}
      </p>
      <Fields fields={inspection.fields} />
      <div className="space-y-1.5">
        <div className="flex items-center gap-2">
          <label htmlFor={id} className="font-medium">
            Descriptor
          </label>
          <CopyButton text={() => descriptor} label="Copy the descriptor" />
        </div>
        <Textarea
          id={id}
          rows={18}
          spellCheck={false}
          value={descriptor}
          onChange={(event) => setDescriptor(event.target.value)}
          className="font-mono text-small"
        />
      </div>
      <Moves target={target} inspection={inspection} descriptor={descriptor} />
    </section>
  );
}

/** Where the values of the draft are from, those that a person has to look at first. */
function Fields({ fields }: { fields: readonly DraftField[] }) {
  const open = fields.filter(({ state }) => state === 'needsUserInput');
  const known = fields.filter(({ state }) => state !== 'needsUserInput');
  return (
    <dl className="grid grid-cols-1 gap-x-6 gap-y-1 sm:grid-cols-[minmax(0,12rem)_minmax(0,1fr)]">
      {[...open, ...known].map(({ field, state, value, description }) => (
        <div key={`${field} ${value}`} className="contents">
          <dt className="font-mono text-small wrap-anywhere">{field}</dt>
          <dd className={state === 'needsUserInput' ? undefined : 'text-muted'}>
            {state === 'needsUserInput' && <strong className="font-medium">To be filled in. </strong>}
            {description}
          </dd>
        </div>
      ))}
    </dl>
  );
}

interface MovesProps {
  target: string;
  inspection: Inspection;
  descriptor: string;
}

function Moves({ target, inspection, descriptor }: MovesProps) {
  const navigate = useNavigate();
  const [problems, setProblems] = useState<string[]>();
  const check = useCommand(() => problemsOf(descriptor, inspection.target), { onSuccess: setProblems });
  const proposal = useCommand(
    async () => {
      const found = await problemsOf(descriptor, inspection.target);
      setProblems(found);
      if (found.length > 0) return undefined;
      return createTask(template, { repoUrl: repoUrlOf(target, inspection.repository), descriptor }, {});
    },
    {
      onSuccess: (started) => {
        if (started) navigate({ to: '/runs/$id', params: { id: started.id } });
      },
    },
  );
  const can = useCanPropose(target);
  return (
    <div className="space-y-3">
      <div className="flex flex-wrap gap-2">
        <Button onClick={check.start} busy={check.busy}>
          Check
        </Button>
        {can && (
          <Button tone="primary" onClick={proposal.start} busy={proposal.busy}>
            Propose by pull request
          </Button>
        )}
      </div>
      <div role="status">{problems && <Problems problems={problems} />}</div>
      {check.error && <ErrorPanel error={check.error} doing="check the descriptor" onRetry={check.start} />}
      {proposal.error && <ErrorPanel error={proposal.error} doing="propose it" onRetry={proposal.start} />}
      {!can && <WithoutTemplate />}
    </div>
  );
}

/** Whether the template is there for whoever asks, and for the host of the repository. */
function useCanPropose(target: string): boolean {
  const { data } = useQuery({ ...entityQuery('template', 'default', 'propose-descriptor'), retry: false });
  const { data: info } = useQuery(infoQuery);
  const host = new URL(target).host;
  return !!data && !!info?.integrations.some((one) => one.host === host && one.type === 'github');
}

function WithoutTemplate() {
  return (
    <p className="text-muted">
      Copy the descriptor, add it to the repository, and{' '}
      <Link to="/catalog/import" className="underline">
        import
      </Link>{' '}
      its URL. To propose it by a pull request from here, the catalog needs the template{' '}
      <code className="font-mono">propose-descriptor</code>, and the repository must be on GitHub.
    </p>
  );
}

function Problems({ problems }: { problems: readonly string[] }) {
  if (problems.length === 0) return <p>The descriptor is valid.</p>;
  return (
    <ul className="space-y-1 text-failed">
      {problems.map((problem) => (
        <li key={problem} className="wrap-anywhere">
          {problem}
        </li>
      ))}
    </ul>
  );
}

/** What is wrong with a descriptor, by the catalog's own rules. */
async function problemsOf(descriptor: string, location: string): Promise<string[]> {
  const problems: string[] = [];
  const documents = parseAllDocuments(descriptor);
  if (documents.length === 0) return ['There is no entity in it.'];
  for (const document of documents) {
    const [broken] = document.errors;
    if (broken) problems.push(broken.message);
    else problems.push(...(await validateEntity(document.toJS(), `url:${location}`)));
  }
  return problems;
}
