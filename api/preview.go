package api

import (
	"net/http"
	"slices"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/policy/preview"
)

// previewedPeople is the page of people of a preview.
var previewedPeople = pageSize{preset: 20, most: 100}

// NewPreviewPlugin serves the part of /api/portico that previews changes of roles.
func NewPreviewPlugin(service *preview.Service) Plugin {
	p := previewRoutes{service}
	return plugin{id: "portico", routes: []route{
		{method: http.MethodPost, path: "/v1/policy/preview", access: authenticated, audit: unrecorded("it changes nothing"), body: describes[preview.Request](),
			query:   []parameter{limit(previewedPeople), text("after", "the nextCursor of the page before")},
			summary: "Says who would gain and who would lose which permissions by a change of roles, without making it",
			serve:   ok("what the change would mean", p.preview), fails: append(slices.Clone(missingOrConflicting), fault.Unavailable)},
	}}
}

type previewRoutes struct{ service *preview.Service }

func (p previewRoutes) preview(c *call) (preview.Preview, error) {
	var found preview.Preview
	err := given(c, func(request preview.Request) (err error) {
		found, err = p.service.Preview(c.Request.Context(), c.principal, request, preview.Page{After: c.Query("after"), Limit: c.limit()})
		return err
	})
	return found, err
}
