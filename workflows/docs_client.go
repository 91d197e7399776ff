package workflows

import (
	"context"
	"fmt"
	"strings"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/techdocs/build"
)

// Docs implements build.Engine on Temporal.
type Docs struct{ ClientOptions }

var _ build.Engine = (*Docs)(nil)

// NewDocs builds documentation on its own queue.
func NewDocs(options ClientOptions) *Docs { return &Docs{options} }

// Wake implements build.Engine. A site has one workflow at a time, which hears of each request.
func (d *Docs) Wake(ctx context.Context, site string, cause build.Cause) error {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	command := build.Command{Site: site, Searchable: d.Searchable}
	if d.PortalURL != "" {
		command.URL = strings.TrimRight(d.PortalURL, "/") + build.Page(site)
	}
	options := docsBuild.startOptions(build.WorkflowID(site), d.TaskQueue)
	options.Priority = docsPriority(cause)
	options.StaticSummary = truncateSummary("documentation of " + site)
	options.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	options.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	if d.Searchable {
		options.TypedSearchAttributes = temporal.NewSearchAttributes(attributeSubject.ValueSet(keyword(site)))
	}
	_, err := d.Temporal.SignalWithStartWorkflow(ctx, options.ID, build.SignalWake, nil, options, docsBuild.name, command)
	if err != nil {
		return fmt.Errorf("start the build of %s: %w", site, err)
	}
	return nil
}
