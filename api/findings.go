package api

import (
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder"
)

// foundTemplates lists the templates about which there is something to say.
type foundTemplates struct {
	Templates []foundTemplate `json:"templates"`
}

// foundTemplate is a template with its findings, at least one.
type foundTemplate struct {
	TemplateRef string            `json:"templateRef"`
	Findings    []templateFinding `json:"findings"`
}

// templateFinding is a check.Finding without a line: the catalog keeps no lines.
type templateFinding struct {
	// Severity is error if every run that reaches it fails.
	Severity string `json:"severity" jsonschema:"enum=error,enum=warning"`
	// Field is the path in the template.
	Field   string `json:"field"`
	Message string `json:"message"`
	// Next says what to do, unless the message does.
	Next string `json:"next,omitempty"`
}

func (p *porticoAPI) findings(c *call) (foundTemplates, error) {
	var refs []entity.Ref
	for _, text := range c.queryList("template") {
		ref, err := entity.ParseRef(text, entity.Ref{Kind: "template"})
		if err != nil {
			return foundTemplates{}, fault.Wrap(fault.Input, err, "template: %s", err)
		}
		refs = append(refs, ref)
	}
	found, err := p.service.Findings(c.Request.Context(), c.principal, refs)
	listed := foundTemplates{make([]foundTemplate, len(found))}
	for i, each := range found {
		listed.Templates[i] = describeFindings(each)
	}
	return listed, err
}

func describeFindings(found scaffolder.TemplateFindings) foundTemplate {
	described := foundTemplate{TemplateRef: found.TemplateRef}
	for _, each := range found.Findings {
		described.Findings = append(described.Findings, templateFinding{string(each.Severity), each.Field, each.Message, each.Next})
	}
	return described
}
