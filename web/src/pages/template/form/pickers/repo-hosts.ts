import { useQueries, useQuery } from '@tanstack/react-query';
import { choicesQuery, hostsQuery } from '@/api/queries';
import type { Integration, PartChoice, RepositoryHost } from '@/api/types';
import { useSettled } from '@/ui/use-settled';

/** A host for repositories, with its properties. */
export interface HostChoice {
  host: string;
  /** The note behind its name: why a repository cannot be created there; undefined without such a reason. */
  remark: string | undefined;
  /** The parts of an address that it lists for the configured credentials, each with the parts that contain it. */
  lists: Readonly<Record<string, readonly string[]>>;
  tellsNames: boolean;
  tellsBranches: boolean;
}

/** The selectable hosts: those of the template, else those of the configuration, the best first. */
export function useHosts(allowed: readonly string[] | undefined, integrations: readonly Integration[]): HostChoice[] {
  const { data: known } = useQuery(hostsQuery);
  return hostChoices(allowed ?? integrations.map(({ host }) => host), known);
}

/** Hosts as options, those with credentials first; in the given order while they are loading. */
export function hostChoices(hosts: readonly string[], known: readonly RepositoryHost[] | undefined): HostChoice[] {
  return hosts
    .map((host) => {
      const found = known?.find((each) => each.host === host);
      return {
        host,
        remark: known && remarkOn(found),
        lists: found?.hasCredentials ? found.lists : {},
        tellsNames: Boolean(found?.tellsNames && found.hasCredentials),
        tellsBranches: found?.tellsBranches ?? false,
      };
    })
    .sort((a, b) => Number(Boolean(a.remark)) - Number(Boolean(b.remark)));
}

function remarkOn(host: RepositoryHost | undefined): string | undefined {
  if (!host) return 'not configured';
  return host.hasCredentials ? undefined : 'no credentials';
}

/** The values of a part of an address. */
export interface Choices {
  choices: readonly PartChoice[];
  /** Why the host lists none. */
  reason: string | undefined;
}

/** The delay after the last keystroke before a request to the host, in milliseconds. */
const pause = 400;

/** The values of some parts, by their names. A part that the host does not list, or not yet, has none. */
export function useChoices(
  choice: HostChoice | undefined,
  names: readonly string[],
  shown: Readonly<Record<string, string>>,
): Record<string, Choices> {
  const places = names.map((name) => placeFor(choice, name, shown));
  // People type the parts that contain others.
  const asked = useSettled(JSON.stringify(places), pause);
  const host = choice?.host ?? '';
  const answers = useQueries({
    queries: names.map((name, index) => {
      const place = places[index];
      const ready = place !== undefined && (Object.keys(place).length === 0 || asked === JSON.stringify(places));
      return { ...choicesQuery(host, name, place ?? {}), enabled: ready };
    }),
  });
  return Object.fromEntries(
    names.flatMap((name, index) => {
      const data = places[index] && answers[index]?.data;
      return data ? [[name, { choices: data.choices, reason: data.reason }]] : [];
    }),
  );
}

/** The parts that contain a part; undefined if the host does not list it, or one of them is still missing. */
function placeFor(
  choice: HostChoice | undefined,
  name: string,
  shown: Readonly<Record<string, string>>,
): Record<string, string> | undefined {
  const containing = choice?.lists[name];
  if (!containing?.every((each) => shown[each])) return undefined;
  return Object.fromEntries(containing.map((each) => [each, shown[each] ?? '']));
}

/** The default value: the only one, or the only one that is not a user. */
export function usualChoice(choices: readonly PartChoice[]): string | undefined {
  if (choices.length === 1) return choices[0]?.value;
  const [organization, ...others] = choices.filter(({ kind }) => kind !== 'user');
  return others.length === 0 ? organization?.value : undefined;
}

/** A choice as an option of a combobox. */
export function optionOf({ value, title, kind }: PartChoice) {
  const hint = kind ?? (title !== undefined && title.toLowerCase() !== value.toLowerCase() ? title : undefined);
  return { value, title: value, ...(hint !== undefined && { hint }) };
}
