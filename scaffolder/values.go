package scaffolder

import (
	"context"
	"encoding/json"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/parameters"
	"github.com/portico-dev/portico/scaffolder/template"
)

// checkValues holds values and secrets to the template's schemas. As in Backstage the first page that is
// broken is the one reported. A page that the form does not show with these values is not checked.
func (s *Service) checkValues(ctx context.Context, t *template.Template, values json.RawMessage, secrets map[string]string) error {
	pages, err := t.Pages()
	if err != nil {
		return err
	}
	for i, page := range pages {
		shown, err := s.isShown(ctx, page, values)
		if err != nil {
			return fault.Wrap(fault.Input, err, "page %d of the parameters of %s cannot be checked: %s", i+1, t.Ref(), err.Error())
		}
		if !shown {
			continue
		}
		violations, err := parameters.Validate(page, values)
		if err != nil {
			return fault.Wrap(fault.Input, err, "page %d of the parameters of %s cannot be checked: %s", i+1, t.Ref(), err.Error())
		}
		if len(violations) > 0 {
			return &InvalidValuesError{violations}
		}
	}
	return checkSecrets(t, secrets)
}

// isShown evaluates the condition of a page: "when", an expression that reads the parameters.
func (s *Service) isShown(ctx context.Context, page, values json.RawMessage) (bool, error) {
	if s.conditions == nil {
		return true, nil
	}
	var conditional struct {
		When any `json:"when"`
	}
	if err := json.Unmarshal(page, &conditional); err != nil {
		return false, err
	}
	source, isText := conditional.When.(string)
	if !isText {
		return conditional.When != false, nil
	}
	if len(values) == 0 {
		values = json.RawMessage("{}")
	}
	decoded, err := nunjucks.DecodeJSONWithin(ctx, values)
	if err != nil {
		return false, err
	}
	data := nunjucks.NewObject()
	data.Set("parameters", decoded)
	shown, _, err := s.conditions.Condition(ctx, source, data, false)
	return shown, err
}
