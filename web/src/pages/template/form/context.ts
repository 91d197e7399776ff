import type { FieldProps } from '@rjsf/utils';
import type { CustomField, Integration, JsonObject } from '@/api/types';

/** The context of the wizard for the fields of its form. */
export interface WizardContext {
  integrations: readonly Integration[];
  /** The fields that the installation adds. */
  customFields: readonly CustomField[];
  /** The signed-in person and their groups. */
  owners: readonly string[];
  /** Whether a step of the template creates the repository that a field names. */
  createsRepository: boolean;
  /** All values, by which a field may depend on another. */
  values: JsonObject;
  secrets: Readonly<Record<string, string>>;
  setSecret: (name: string, value: string) => void;
}

export function wizardContext(props: FieldProps): WizardContext {
  return props.registry.formContext;
}
