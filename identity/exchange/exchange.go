// Package exchange gives the jobs of a CI system short-lived tokens of Portico for the identity tokens that the
// system signs for them (RFC 8693). Nobody stores a secret: rules say which repositories and refs may have which
// token.
package exchange

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

const (
	// GrantType is the grant_type of a token exchange (RFC 8693, section 2.1).
	GrantType = "urn:ietf:params:oauth:grant-type:token-exchange"
	// TypeJWT is the type of a job's identity token (RFC 8693, section 3).
	TypeJWT = "urn:ietf:params:oauth:token-type:jwt"
)

// Options are the dependencies and settings of a Service. Every field is required unless it says otherwise.
type Options struct {
	Pool   *pgxpool.Pool
	Issuer *identity.Issuer
	Log    *slog.Logger
	// Refusals records the tokens of trusted issuers that were refused in the audit log; nil records none.
	Refusals *audit.Attempts
	// Audience is the audience that a job's token must be for.
	Audience string
	// Lifetime is how long an issued token is valid; an hour at most.
	Lifetime time.Duration
	Trusted  []Trusted
}

// Service exchanges tokens. It is safe for concurrent use.
type Service struct {
	Options

	queries *db.Queries
}

// New refuses rules that anybody could meet. It makes no request.
func New(options Options) (*Service, error) {
	if options.Lifetime > identity.TokenLifetime {
		return nil, fmt.Errorf("lifetime is %s: an hour is the most", options.Lifetime)
	}
	known := map[string]bool{}
	for n, trusted := range options.Trusted {
		if known[trusted.Issuer] {
			return nil, fmt.Errorf("issuers[%d] has the issuer of an earlier entry", n)
		}
		known[trusted.Issuer] = true
		for m, rule := range trusted.Rules {
			if err := rule.check(); err != nil {
				return nil, fmt.Errorf("issuers[%d].rules[%d]: %w", n, m, err)
			}
		}
	}
	return &Service{Options: options, queries: db.New()}, nil
}

// Issued is a token of Portico.
type Issued struct {
	Token    string
	Lifetime time.Duration
}

// Exchange verifies the identity token of a job and issues a token by the first rule that it meets. A token that
// is refused is a fault of kind Authentication or NotAllowed. Unavailable means that the issuer's keys could not
// be fetched.
func (s *Service) Exchange(ctx context.Context, token string) (Issued, error) {
	job, err := s.verify(ctx, token)
	if err != nil {
		s.Log.WarnContext(ctx, "a token of a job was refused", "reason", err.Error())
		return Issued{}, err
	}
	rule, unmet := job.trusted.find(job.claims)
	if rule == nil {
		s.refuse(ctx, job, "no rule accepts it", unmet...)
		return Issued{}, fault.New(fault.NotAllowed, "No rule of portico.tokenExchange accepts the token of %q. The server's log says why", job.subject)
	}
	subject := "external:" + rule.Subject + ":" + job.subject
	issued, err := s.Issuer.IssueService(ctx, subject, rule.Restrictions, s.Lifetime)
	if err != nil {
		return Issued{}, err
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return s.use(ctx, tx, job, subject) })
	if errors.Is(err, errUsed) {
		s.refuse(ctx, job, "it was used before")
		return Issued{}, fault.New(fault.Authentication, "This token has been exchanged before. Each token is exchanged once: request another")
	}
	if err != nil {
		return Issued{}, err
	}
	return Issued{issued, s.Lifetime}, nil
}

// refuse records that a verified token was refused. Its holder has no name in Portico: the actor is what the issuer
// says, of the kind of callers who are not signed in.
func (s *Service) refuse(ctx context.Context, job job, reason string, details ...string) {
	s.Log.WarnContext(ctx, "a token of a job was refused", "issuer", job.trusted.Issuer, "subject", job.subject, "reason", reason, "rules", strings.Join(details, "; "))
	s.Refusals.Record(ctx, audit.Actor{Subject: job.subject}, audit.TokenExchange, job.trusted.Issuer, audit.Denied, reason, job.described()...)
}

var errUsed = errors.New("the token was used before")

// use marks the token as used, and records what it was exchanged for.
func (s *Service) use(ctx context.Context, tx pgx.Tx, job job, subject string) error {
	if err := s.queries.DeleteExpiredExchangedTokens(ctx, tx); err != nil {
		return fmt.Errorf("forget exchanged tokens: %w", err)
	}
	inserted, err := s.queries.InsertExchangedToken(ctx, tx, job.id[:], (time.Until(job.expiry) + 2*clockSkew).Seconds())
	if err != nil {
		return fmt.Errorf("mark a token as exchanged: %w", err)
	}
	if inserted == 0 {
		return errUsed
	}
	return audit.Record(ctx, tx, audit.Actor{Kind: string(identity.KindService), Subject: subject}, audit.TokenExchange, job.trusted.Issuer, job.described()...)
}

// describing are the claims that say which job it was, as GitHub and GitLab name them.
var describing = []string{"sub", "repository", "repository_id", "project_path", "project_id", "ref", "sha", "environment", "event_name", "pipeline_source",
	"workflow_ref", "actor", "user_login", "run_id", "run_attempt", "pipeline_id", "job_id"}

// described is the job for the audit log.
func (j job) described() []audit.Change {
	var changes []audit.Change
	for _, name := range describing {
		if value, has := j.claims[name]; has {
			changes = append(changes, audit.Changed(name, nil, value))
		}
	}
	return changes
}

// job is what a verified token says.
type job struct {
	trusted *Trusted
	subject string
	claims  map[string]string
	expiry  time.Time
	// id is the same for every copy of the token.
	id [sha256.Size]byte
}

// identify makes the id of a token: of its jti, or of its claims as they were signed. The text of a token cannot be
// part of it: anybody can write the same token in other ways.
func identify(issuer string, of verified) [sha256.Size]byte {
	if of.ID != "" {
		return sha256.Sum256([]byte("jti\x00" + issuer + "\x00" + of.ID))
	}
	return sha256.Sum256([]byte("claims\x00" + issuer + "\x00" + string(of.payload)))
}
