import type { RJSFSchema, ValidatorType } from '@rjsf/utils';
import { toErrorSchema } from '@rjsf/utils';
import { fits, problemsOf } from './validate';

/**
 * The validator with RJSF's interface. The wizard validates pages itself; RJSF uses this to choose among
 * alternatives.
 */
export const validator: ValidatorType = {
  isValid: (schema: RJSFSchema, data, root) => fits(schema, data, root),
  rawValidation: (schema, data) => ({ errors: problemsOf(schema, data) as never[] }),
  validateFormData(data, schema) {
    const errors = problemsOf(schema, data).map(({ path, keyword, message }) => ({
      name: keyword,
      property: path.map((part) => `.${part}`).join(''),
      message,
      stack: `${path.join('.')}: ${message}`,
    }));
    return { errors, errorSchema: toErrorSchema(errors) };
  },
};
