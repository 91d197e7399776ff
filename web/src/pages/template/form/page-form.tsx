import type { IChangeEvent } from '@rjsf/core';
// Not from the package's root: that also pulls in its test registry, and with it a validator that compiles schemas to
// functions.
import Form from '@rjsf/core/lib/components/Form.js';
import type { ErrorSchema, RegistryFieldsType, RJSFSchema, UiSchema } from '@rjsf/utils';
import { useMemo } from 'react';
import type { JsonObject } from '@/api/types';
import { AccordionField } from './accordion-field';
import type { WizardContext } from './context';
import { CustomFieldControl } from './custom-field';
import {
  EntityPicker,
  MultiEntityPicker,
  MyGroupsPicker,
  OwnedEntityPicker,
  OwnerPicker,
} from './pickers/entity-picker';
import { EntityNamePicker } from './pickers/name-picker';
import { RepoBranchPicker } from './pickers/repo-branch-picker';
import { RepoOwnerPicker } from './pickers/repo-owner-picker';
import { RepoUrlPicker } from './pickers/repo-url-picker';
import { SecretField } from './pickers/secret-field';
import { EntityTagsPicker } from './pickers/tags-picker';
import { templates } from './templates';
import { validator } from './validator';
import { widgets } from './widgets';

const ownFields: RegistryFieldsType = {
  AccordionField,
  EntityNamePicker,
  EntityPicker,
  EntityTagsPicker,
  MultiEntityPicker,
  MyGroupsPicker,
  OwnedEntityPicker,
  OwnerPicker,
  RepoBranchPicker,
  RepoOwnerPicker,
  RepoUrlPicker,
  Secret: SecretField,
};

interface PageFormProps {
  /** Ties the form to a submit button outside of it. */
  id: string;
  schema: RJSFSchema;
  uiSchema: UiSchema;
  values: JsonObject;
  errors: ErrorSchema;
  context: WizardContext;
  onChange: (values: JsonObject) => void;
  /** Called with the id of a field that was changed or left. */
  onTouch: (id: string) => void;
  onSubmit: () => void;
}

/**
 * One page of a template as a form, in the portal's own theme. The wizard validates the values, because it
 * knows which fields were touched.
 */
export default function PageForm(props: PageFormProps) {
  const { customFields } = props.context;
  const fields = useMemo(
    () => ({ ...ownFields, ...Object.fromEntries(customFields.map(({ name }) => [name, CustomFieldControl])) }),
    [customFields],
  );
  const changed = ({ formData }: IChangeEvent, id: string | undefined) => {
    props.onChange(formData ?? {});
    if (id) props.onTouch(id);
  };
  return (
    <Form
      id={props.id}
      schema={props.schema}
      uiSchema={props.uiSchema}
      formData={props.values}
      formContext={props.context}
      validator={validator}
      fields={fields}
      templates={templates}
      widgets={widgets}
      extraErrors={props.errors}
      showErrorList={false}
      noHtml5Validate
      noValidate
      onChange={changed}
      onBlur={props.onTouch}
      onSubmit={props.onSubmit}
    >
      {/* RJSF draws its own submit button unless it has a child. */}
      <span hidden />
    </Form>
  );
}
