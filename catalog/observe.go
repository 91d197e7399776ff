package catalog

import (
	"context"
	"fmt"

	"github.com/portico-dev/portico/telemetry"
)

// Backlog measures the entities that are due for processing and those that failed, as samples of
// telemetry.CatalogDue, CatalogLag and CatalogFailed.
func (s *Service) Backlog(ctx context.Context) ([]telemetry.Sample, error) {
	backlog, err := s.queries.CatalogBacklog(ctx, s.pool)
	if err != nil {
		return nil, fmt.Errorf("count what the catalog has yet to process: %w", err)
	}
	return []telemetry.Sample{
		{Metric: telemetry.CatalogDue, Value: float64(backlog.Due)}, {Metric: telemetry.CatalogLag, Value: backlog.Oldest},
		{Metric: telemetry.CatalogFailed, Value: float64(backlog.Failed)},
	}, nil
}
