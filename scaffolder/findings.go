package scaffolder

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/check"
)

// TemplateFindings are the findings about one template.
type TemplateFindings struct {
	TemplateRef string
	Findings    []check.Finding
}

// Findings checks templates with the actions of this server: those with the references, or every template that
// the principal may read if there are none. Templates without findings are left out. Parts of a template that
// the principal may not see are not checked. The check takes place now and is not that of the last processing,
// so it is true after an upgrade, too.
func (s *Service) Findings(ctx context.Context, principal identity.Principal, refs []entity.Ref) ([]TemplateFindings, error) {
	page, err := access.Pages(ctx, s.decider, principal, "")
	if err != nil {
		return nil, err
	}
	step, err := access.Steps(ctx, s.decider, principal, "")
	if err != nil {
		return nil, err
	}
	found := []TemplateFindings{}
	add := func(ref entity.Ref, document json.RawMessage) {
		if findings := s.findingsOf(ctx, document, page, step); len(findings) > 0 {
			found = append(found, TemplateFindings{ref.String(), findings})
		}
	}
	for _, ref := range refs {
		document, err := s.catalog.EntityJSON(ctx, principal, ref)
		if err != nil {
			return nil, err
		}
		add(ref, document)
	}
	if len(refs) > 0 {
		return found, nil
	}
	err = s.catalog.EachOfKind(ctx, principal, "template", func(document json.RawMessage) error {
		ref, err := refOf(document)
		if err == nil {
			add(ref, document)
		}
		return err
	})
	return found, err
}

// findingsOf checks the parts of a template that filters allow.
func (s *Service) findingsOf(ctx context.Context, document json.RawMessage, page, step access.TagFilter) []check.Finding {
	t, err := s.parse(document)
	if err == nil {
		t, err = t.Only(page, step)
	}
	if err != nil {
		return []check.Finding{{Severity: check.Error, Field: "spec", Message: err.Error()}}
	}
	return s.findings(ctx, t)
}

// refOf reads the reference from a template's document.
func refOf(document json.RawMessage) (entity.Ref, error) {
	var named struct {
		Metadata struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(document, &named); err != nil {
		return entity.Ref{}, fmt.Errorf("decode a template: %w", err)
	}
	return entity.Ref{Kind: "template", Namespace: cmp.Or(named.Metadata.Namespace, entity.DefaultNamespace), Name: named.Metadata.Name}, nil
}
