package rbac

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Options configure a Service.
type Options struct {
	Log  *slog.Logger
	Pool *pgxpool.Pool
	// Notifications is a pool without a connection pooler, on which LISTEN works. Nil means Pool.
	Notifications *pgxpool.Pool
	// Decider gets the roles.
	Decider *Decider
	// Ask decides who may read and change roles. Nil is the Decider itself.
	Ask policy.Decider
	// Conditional are the resource types on which conditions can be put.
	Conditional []Conditional
	Limits      Limits
	// Configured are the roles and plugins of the configuration.
	Configured Configured
	// Files are the files with roles.
	Files Files
}

// Configured is what the configuration says about roles.
type Configured struct {
	// Admins are users and groups with the role role:default/rbac_admin.
	Admins []string
	// DefaultRole is the role that everybody has, "" for none, and DefaultPolicies are its policies.
	DefaultRole     string
	DefaultPolicies []Policy
	// Plugins are the ids of plugins whose permissions roles are about.
	Plugins []string
}

// Check returns an error for references and permissions that cannot be any.
func (c Configured) Check() error {
	for _, ref := range c.Admins {
		if err := checkRef(ref, holders...); err != nil {
			return fmt.Errorf("permission.rbac.admin.users: %w", err)
		}
	}
	if c.DefaultRole == "" {
		return nil
	}
	if err := checkRef(c.DefaultRole, kindRole); err != nil {
		return fmt.Errorf("permission.rbac.defaultPermissions.defaultRole: %w", err)
	}
	if c.DefaultRole == adminRole && len(c.Admins) > 0 {
		return fmt.Errorf("permission.rbac.defaultPermissions.defaultRole: %s is the role of the admins", adminRole)
	}
	if err := checkPolicies(ofRole(c.DefaultRole, c.DefaultPolicies), "policy"); err != nil {
		return fmt.Errorf("permission.rbac.defaultPermissions.basicPermissions: %w", err)
	}
	return nil
}

// isDefault reports whether everybody has a role. One from elsewhere with the name of the default role is not it.
func (c Configured) isDefault(r Role) bool {
	return r.Ref == c.DefaultRole && r.Metadata.Source == FromConfiguration
}

// Service reads and changes the roles for a principal, and keeps the Decider's snapshot up to date. It is
// safe for concurrent use.
type Service struct {
	options Options
	store   store
	rules   *rulebook
	last    lastSync
	// loading has one Load after the other, so that the decider never gets older roles than it has.
	loading sync.Mutex
}

// New makes a service. Run keeps it up to date; until the first Load, the decider has no roles.
func New(options Options) *Service {
	if options.Notifications == nil {
		options.Notifications = options.Pool
	}
	if options.Ask == nil {
		options.Ask = options.Decider
	}
	return &Service{options: options, store: store{options.Pool, db.New()}, rules: newRulebook(options.Limits, options.Conditional)}
}

// Load gives the decider the roles that the database has now. It reads them only if they have changed.
func (s *Service) Load(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	revision, err := s.store.queries.RolesRevision(ctx, s.store.pool)
	if err != nil {
		return fmt.Errorf("read the revision of the roles: %w", err)
	}
	at := s.places()
	if now := s.options.Decider.snapshot.Load(); now.loaded && now.all.revision == revision && now.places == at {
		return nil
	}
	all, err := s.store.read(ctx)
	if err != nil {
		return err
	}
	loaded, err := s.snapshotOf(all, at)
	if err != nil {
		return err
	}
	s.options.Decider.snapshot.Store(loaded)
	return nil
}

func (s *Service) snapshotOf(all stored, at *places) (*snapshot, error) {
	conditions, err := s.readable(all.conditions)
	if err != nil {
		return nil, err
	}
	loaded, err := newSnapshot(all, conditions, s.options.Configured, at)
	if err != nil {
		return nil, fmt.Errorf("load the policies into casbin: %w", err)
	}
	return loaded, nil
}

// unlimited accepts conditions that were stored when the limits were others.
var unlimited = Limits{Depth: math.MaxInt, Nodes: math.MaxInt, Items: math.MaxInt}

// readable reads the criteria of stored conditions. They were checked when they were stored.
func (s *Service) readable(conditions []Condition) ([]checkedCondition, error) {
	checked := make([]checkedCondition, len(conditions))
	for i, c := range conditions {
		criteria, err := parseCriteria(c.Criteria, unlimited)
		if err != nil {
			return nil, fmt.Errorf("condition %d: %w", c.ID, err)
		}
		checked[i] = checkedCondition{c, criteria}
	}
	return checked, nil
}

const (
	// followInterval is the interval for loading the roles even without a notification.
	followInterval = time.Minute
	// retryInterval is the wait after roles could not be loaded.
	retryInterval = time.Second
)

// Follow loads the roles whenever another process has changed them, until ctx ends. The last loaded roles
// decide while the database cannot be reached.
func (s *Service) Follow(ctx context.Context) error {
	listener := db.NewListener(s.options.Notifications, channel, s.options.Log)
	wake, stop := listener.Follow(topic)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return listener.Run(ctx) })
	group.Go(func() error {
		s.follow(ctx, wake)
		return nil
	})
	return group.Wait()
}

// follow loads the roles at each wake, and at intervals, until ctx ends.
func (s *Service) follow(ctx context.Context, wake <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-time.After(followInterval):
		}
		for err := s.Load(ctx); err != nil && ctx.Err() == nil; err = s.Load(ctx) {
			s.options.Log.WarnContext(ctx, "the roles cannot be loaded; the last ones decide, and this is tried again", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(retryInterval):
			}
		}
	}
}

// errServices is the refusal of machines that change roles.
var errServices = fault.New(fault.NotAllowed, "Only credential principal with type 'user' permitted to modify permissions")

// mayRead asks for the roles that a principal may read. Whoever may read none is refused.
func (s *Service) mayRead(ctx context.Context, principal identity.Principal) (grant, error) {
	return s.ask(ctx, principal, policy.PolicyEntityRead)
}

func (s *Service) ask(ctx context.Context, principal identity.Principal, permission policy.Permission) (grant, error) {
	granted, err := Rules.Ask(ctx, s.options.Ask, principal, permission)
	if err == nil && granted.IsNothing() {
		return grant{}, granted.Refusal("")
	}
	return granted, err
}

// mayChange asks for the roles that a person may change or delete.
func (s *Service) mayChange(ctx context.Context, principal identity.Principal, permission policy.Permission) (grant, error) {
	granted, err := s.ask(ctx, principal, permission)
	if err == nil && principal.Kind != identity.KindUser {
		return grant{}, errServices
	}
	return granted, err
}

// mayCreate checks that a person may create roles, policies and conditions.
func (s *Service) mayCreate(ctx context.Context, principal identity.Principal) error {
	err := policy.Require(ctx, s.options.Ask, principal, policy.PolicyEntityCreate, "")
	if err == nil && principal.Kind != identity.KindUser {
		return errServices
	}
	return err
}

// mayAdd is mayCreate, and returns the roles to which a person may add something.
func (s *Service) mayAdd(ctx context.Context, principal identity.Principal) (grant, error) {
	if err := s.mayCreate(ctx, principal); err != nil {
		return grant{}, err
	}
	granted, err := Rules.Ask(ctx, s.options.Ask, principal, policy.PolicyEntityUpdate)
	if err != nil {
		return grant{}, err
	}
	return ofAdding(granted), nil
}

// ofAdding are the roles to which somebody who may create policies and conditions may add them, given the roles that
// they may change. Whoever may change only some roles may add to them only.
func ofAdding(update grant) grant {
	if _, conditional := update.Filter(); conditional {
		return update
	}
	return Rules.Everything()
}

// Authorize checks that a principal may read roles at all.
func (s *Service) Authorize(ctx context.Context, principal identity.Principal) error {
	_, err := s.mayRead(ctx, principal)
	return err
}

// edit is a checked change of roles, which a transaction makes.
type edit func(*change) error

// perform makes the edit of a principal, nil for none, unless it was refused with an error.
func (s *Service) perform(ctx context.Context, principal identity.Principal, do edit, refused error) error {
	if refused != nil || do == nil {
		return refused
	}
	return s.update(ctx, principal, do)
}

// update runs one change of a principal, and loads the roles before it returns. When they cannot be loaded, the
// change was made all the same, and Follow loads them.
func (s *Service) update(ctx context.Context, principal identity.Principal, do func(*change) error) error {
	changed, err := s.store.update(ctx, principal.Actor(), do)
	if err != nil || !changed {
		return err
	}
	if err := s.Load(ctx); err != nil {
		s.options.Log.WarnContext(ctx, "roles were changed and cannot be loaded; this is tried again", "error", err)
	}
	return nil
}

// asListed marks the role that everybody has.
func (s *Service) asListed(r Role) Role {
	r.Metadata.IsDefault = s.options.Configured.isDefault(r)
	return r
}

// covers reports whether a grant covers a role. Everybody who may read roles sees the default one.
func (s *Service) covers(granted grant, r Role) bool {
	return s.options.Configured.isDefault(r) || granted.Allows(r)
}

// visible reads everything, and returns also which roles a principal may read.
func (s *Service) visible(ctx context.Context, principal identity.Principal) (all stored, may map[string]bool, err error) {
	granted, err := s.mayRead(ctx, principal)
	if err != nil {
		return stored{}, nil, err
	}
	if all, err = s.store.read(ctx); err != nil {
		return stored{}, nil, err
	}
	may = map[string]bool{}
	for _, r := range all.roles {
		may[r.Ref] = s.covers(granted, r)
	}
	return all, may, nil
}

// fromSource returns a fault of kind NotAllowed for a role that does not come from the API.
func fromSource(r Role, doing string) error {
	if r.Metadata.Source == FromREST {
		return nil
	}
	return fault.New(fault.NotAllowed, "Unable to %s: source does not match originating role %s, consider making changes to the '%s'", doing, r.Ref, upper(r.Metadata.Source))
}

// without are the elements of a list that another one lacks. Files have a hundred thousand.
func without[T comparable](list, others []T) []T {
	has := setOf(others)
	return slices.DeleteFunc(slices.Clone(list), func(element T) bool { return has[element] })
}

// within are the elements of a list that another one has too.
func within[T comparable](list, others []T) []T {
	has := setOf(others)
	return slices.DeleteFunc(slices.Clone(list), func(element T) bool { return !has[element] })
}

func setOf[T comparable](list []T) map[T]bool {
	set := make(map[T]bool, len(list))
	for _, element := range list {
		set[element] = true
	}
	return set
}
