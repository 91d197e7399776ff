package gitlab

import (
	"context"
	"net/http"

	"github.com/portico-dev/portico/integration"
)

// maxDescription bounds the description of a status, in bytes, as GitLab does.
const maxDescription = 255

// SetStatus implements integration.StatusHost. GitLab shows it as a job of an external pipeline of the commit. The token
// needs the scope api, and the role of a developer.
func (h *Host) SetStatus(ctx context.Context, repo integration.Repo, commit string, status integration.CommitStatus) error {
	sent := struct {
		State       string `json:"state"`
		Name        string `json:"name"`
		Description string `json:"description"`
		TargetURL   string `json:"target_url,omitempty"`
	}{"success", status.Context, status.Short(maxDescription), status.URL}
	if status.Failed {
		sent.State = "failed"
	}
	p := h.configured(repo)
	return p.api.Send(ctx, http.MethodPost, p.path("statuses", commit), sent, nil)
}
