// Package ratebudget shares among all processes what hosts say about the rate limits of the configured credentials.
// Work in the background leaves a part of each budget to the runs of people, and waits while a host wants no
// requests. It knows no secrets. How a host is asked is not its matter.
package ratebudget

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/integration"
)

const (
	// reserve is the share of a budget that work in the background leaves to others.
	reserve = 0.2
	// recordDeadline bounds the storing of an answer, which the caller waits for.
	recordDeadline = 2 * time.Second
	// A budget is stored again when this share of it was used, or after this time.
	recordShare    = 0.01
	recordInterval = 10 * time.Second
)

// Budgets are the budgets of all credentials. It is safe for concurrent use.
type Budgets struct {
	pool    *pgxpool.Pool
	queries *db.Queries
	log     *slog.Logger

	mutex sync.Mutex
	// stored is what this process has last stored, by credential and resource.
	stored map[[2]string]budget
}

// budget is what a host says with an answer.
type budget struct {
	resource             string
	allowance, remaining int32
	resetsAt             time.Time
	// at is when it was stored.
	at time.Time
}

// New keeps budgets in the database of pool.
func New(pool *pgxpool.Pool, log *slog.Logger) *Budgets {
	return &Budgets{pool: pool, queries: db.New(), log: log, stored: map[[2]string]budget{}}
}

// Wait is how long a request in the background with a credential has to wait, 0 for not at all. The credential has a
// name such as "github.com/token", and the resource is the host's name of the budget that the request uses.
func (b *Budgets) Wait(ctx context.Context, credential, resource string) (time.Duration, error) {
	seconds, err := b.queries.RateBudgetWait(ctx, b.pool, reserve, credential, resource)
	if err != nil {
		return 0, fmt.Errorf("read the rate budget of %s: %w", credential, err)
	}
	return integration.BoundWait(time.Duration(seconds * float64(time.Second))), nil
}

// Record stores what an answer to a request with a credential says. A failure is logged: the request has succeeded.
func (b *Budgets) Record(ctx context.Context, credential string, response *http.Response) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordDeadline)
	defer cancel()
	if err := b.record(ctx, credential, response); err != nil {
		b.log.WarnContext(ctx, "a rate budget was not stored", "credential", credential, "error", err)
	}
}

func (b *Budgets) record(ctx context.Context, credential string, response *http.Response) error {
	refused := response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusTooManyRequests
	if wait, asks := integration.RetryAfter(response.Header); asks && refused {
		err := b.queries.RateBudgetBlock(ctx, b.pool, credential, time.Now().Add(wait))
		if err != nil {
			return fmt.Errorf("store until when %s is blocked: %w", credential, err)
		}
	}
	said, complete := parse(response.Header)
	if !complete || !b.isNews(credential, said) {
		return nil
	}
	err := b.queries.RateBudgetRecord(ctx, b.pool, db.RateBudgetRecordParams{
		Credential: credential, Resource: said.resource, Allowance: said.allowance, Remaining: said.remaining, ResetsAt: said.resetsAt,
	})
	if err != nil {
		return fmt.Errorf("store the rate budget of %s: %w", credential, err)
	}
	return nil
}

// isNews reports whether a budget differs from what was stored last by more than others need to know at once.
func (b *Budgets) isNews(credential string, said budget) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	last, known := b.stored[[2]string{credential, said.resource}]
	used := float64(last.remaining - said.remaining)
	isLow := float64(said.remaining) <= 2*reserve*float64(said.allowance)
	if known && !isLow && said.resetsAt.Equal(last.resetsAt) && used < recordShare*float64(said.allowance) && time.Since(last.at) < recordInterval {
		return false
	}
	said.at = time.Now()
	b.stored[[2]string{credential, said.resource}] = said
	return true
}

// families are the prefixes of the headers of hosts, and the header that names the budget: GitHub's and GitLab's.
var families = []struct{ prefix, resource string }{{"X-Ratelimit-", "Resource"}, {"Ratelimit-", "Name"}}

// parse reads the headers of a host. It reports false when one is missing or no number.
func parse(header http.Header) (budget, bool) {
	for _, family := range families {
		if said, complete := parseFamily(header, family.prefix, family.resource); complete {
			return said, true
		}
	}
	return budget{}, false
}

func parseFamily(header http.Header, prefix, name string) (budget, bool) {
	allowance, noAllowance := strconv.ParseInt(header.Get(prefix+"Limit"), 10, 32)
	remaining, noRemaining := strconv.ParseInt(header.Get(prefix+"Remaining"), 10, 32)
	resets, noReset := strconv.ParseInt(header.Get(prefix+"Reset"), 10, 64)
	resource := header.Get(prefix + name)
	complete := noAllowance == nil && noRemaining == nil && noReset == nil && resource != "" && len(resource) <= 100 && resets >= 0
	resetsAt := time.Unix(min(resets, 1<<40), 0)
	if latest := time.Now().Add(integration.MaxRetryAfter); resetsAt.After(latest) {
		resetsAt = latest // No other wait of a host is longer.
	}
	return budget{resource: resource, allowance: int32(allowance), remaining: int32(remaining), resetsAt: resetsAt}, complete
}
