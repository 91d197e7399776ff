package api

import (
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/draft"
)

type inspectInput struct {
	closed

	Target string `json:"target" jsonschema_description:"the URL of a repository, or of a file in it"`
}

// inspection is a catalog.Inspection.
type inspection struct {
	Repository string `json:"repository"`
	Branch     string `json:"branch"`
	// Target is where the draft would be.
	Target   string                   `json:"target"`
	Existing []catalog.ExistingEntity `json:"existing"`
	// Descriptor is the draft as a file.
	Descriptor string        `json:"descriptor"`
	Fields     []draft.Field `json:"fields"`
}

func (e *explanationAPI) inspect(c *call) (inspection, error) {
	var input inspectInput
	if err := c.decode(&input); err != nil {
		return inspection{}, err
	}
	found, err := e.service.InspectRepository(c.Request.Context(), c.principal, input.Target)
	return inspection{found.Repository, found.Branch, found.Target, orEmpty(found.Existing), found.Draft.Descriptor, orEmpty(found.Draft.Fields)}, err
}
