import { ariaDescribedByIds, type FieldProps } from '@rjsf/utils';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { branchesQuery } from '@/api/queries';
import type { Integration, JsonObject } from '@/api/types';
import { Combobox } from '@/ui/combobox';
import { useSettled } from '@/ui/use-settled';
import { wizardContext } from '../context';
import { useHosts } from './repo-hosts';
import { parseRepoUrl, repoUrlProblem } from './repo-url';
import { requestedCredentials, UserCredentials } from './user-credentials';

/** The delay after the last keystroke before a request to the host, in milliseconds. */
const pause = 300;

/** A branch of the repository that the form names in another field, `repoUrl` as in Backstage. */
export function RepoBranchPicker(props: FieldProps) {
  const { fieldPathId, formData, onChange, onBlur, rawErrors, disabled, readonly, uiSchema } = props;
  const { integrations, values } = wizardContext(props);
  const repoUrl = repositoryIn(values, integrations);
  const { host, parts } = parseRepoUrl(repoUrl);
  const [choice] = useHosts(host ? [host] : [], integrations);
  const [text, setText] = useState('');
  const prefix = useSettled(text.trim(), pause);
  const asks = repoUrl !== undefined && choice?.tellsBranches === true;
  const { data, isFetching, isError } = useQuery({ ...branchesQuery(host, parts, prefix), enabled: asks });
  const { $id: id, path } = fieldPathId;
  const credentials = requestedCredentials(uiSchema);
  return (
    <div className="space-y-2">
      <Combobox
        free
        id={id}
        options={(data?.branches ?? []).map((branch) => ({ value: branch, title: branch }))}
        chosen={typeof formData === 'string' ? formData : ''}
        onSearch={setText}
        onChoose={(branch) => onChange(branch || undefined, path)}
        onLeave={() => onBlur(id, formData)}
        loading={isFetching}
        failed={isError}
        placeholder={uiSchema?.['ui:placeholder']}
        disabled={disabled || readonly}
        invalid={(rawErrors?.length ?? 0) > 0}
        describedBy={ariaDescribedByIds(id)}
      />
      {credentials && host && <UserCredentials {...props} requested={credentials} host={host} />}
      <p role="status" className="text-small text-muted">
        {repoUrl === undefined
          ? 'Its branches are listed once the repository is chosen.'
          : data?.reason && `The branches are not known: ${data.reason}.`}
      </p>
    </div>
  );
}

/** The complete address of a repository among the values: `repoUrl`, else the first that looks like one. */
export function repositoryIn(values: JsonObject, integrations: readonly Integration[]): string | undefined {
  const isComplete = (value: unknown): value is string =>
    typeof value === 'string' && value.includes('?') && repoUrlProblem(value, integrations) === undefined;
  return [values.repoUrl, ...Object.values(values)].find(isComplete);
}
