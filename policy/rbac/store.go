package rbac

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/policy"
)

// channel is the channel on which Postgres notifies of changed roles, with the payload topic.
const (
	channel = "portico_roles"
	topic   = "changed"
)

// store reads and changes the tables of roles.
type store struct {
	pool    *pgxpool.Pool
	queries *db.Queries
}

// read reads everything at one moment.
func (s store) read(ctx context.Context) (all stored, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		all, err = s.readIn(ctx, tx)
		return err
	})
	return all, err
}

func (s store) readIn(ctx context.Context, tx pgx.Tx) (all stored, err error) {
	members := map[string][]string{}
	for _, part := range []struct {
		name string
		read func() error
	}{
		{"revision", func() error { all.revision, err = s.queries.RolesRevision(ctx, tx); return err }},
		{"members", func() error { return s.readMembers(ctx, tx, members) }},
		{"roles", func() error { return s.readRoles(ctx, tx, members, &all) }},
		{"policies", func() error { return s.readPolicies(ctx, tx, &all) }},
		{"conditions", func() error { return s.readConditions(ctx, tx, &all) }},
		{"plugins", func() error { all.plugins, err = s.queries.RolePlugins(ctx, tx); return err }},
	} {
		if err := part.read(); err != nil {
			return stored{}, fmt.Errorf("read the %s of roles: %w", part.name, err)
		}
	}
	return all, nil
}

func (s store) readMembers(ctx context.Context, tx pgx.Tx, members map[string][]string) error {
	rows, err := s.queries.RoleMembers(ctx, tx)
	for _, row := range rows {
		members[row.Role] = append(members[row.Role], row.Member)
	}
	return err
}

func (s store) readRoles(ctx context.Context, tx pgx.Tx, members map[string][]string, all *stored) error {
	rows, err := s.queries.Roles(ctx, tx)
	all.index = map[string]int{}
	for _, row := range rows {
		role := Role{Ref: row.Ref, Members: members[row.Ref], Metadata: Metadata{Source: Source(row.Source), Description: row.Description, Owner: row.Owner,
			Author: row.Author, ModifiedBy: row.ModifiedBy, CreatedAt: row.CreatedAt, LastModified: row.ModifiedAt}}
		if role.Members == nil {
			role.Members = []string{}
		}
		all.index[role.Ref] = len(all.roles)
		all.roles = append(all.roles, role)
	}
	return err
}

func (s store) readPolicies(ctx context.Context, tx pgx.Tx, all *stored) error {
	rows, err := s.queries.RolePolicies(ctx, tx)
	for _, row := range rows {
		all.policies = append(all.policies, Policy(row))
	}
	return err
}

func (s store) readConditions(ctx context.Context, tx pgx.Tx, all *stored) error {
	rows, err := s.queries.RoleConditions(ctx, tx)
	for _, row := range rows {
		condition := Condition{ID: row.ID, ConditionSpec: ConditionSpec{Result: policy.Conditional, Role: row.Role, PluginID: row.PluginID,
			ResourceType: policy.ResourceType(row.ResourceType), Criteria: row.Conditions}}
		if err := json.Unmarshal(row.PermissionMapping, &condition.Permissions); err != nil {
			return fmt.Errorf("the permissions of condition %d: %w", row.ID, err)
		}
		all.conditions = append(all.conditions, condition)
	}
	return err
}

// change is one transaction that changes roles. No other change happens between its reading and its commit. What it
// writes, it does to the roles that it has read as well.
type change struct {
	stored
	// changed says that something was written, so that replicas have to load the roles.
	changed bool
	// by is who changes the roles.
	by audit.Actor

	ctx     context.Context //nolint:containedctx // a change lives for one call
	tx      pgx.Tx
	queries *db.Queries
}

// update runs one change in the name of an actor. An error, and a change that writes nothing, leave the
// database as it was.
func (s store) update(ctx context.Context, by audit.Actor, do edit) (changed bool, err error) {
	err = s.begin(ctx, by, nil, func(c *change) error {
		if err := do(c); err != nil || !c.changed {
			return err
		}
		if err := s.queries.NotifyRoles(ctx, c.tx); err != nil {
			return fmt.Errorf("notify of changed roles: %w", err)
		}
		if err := c.tx.Commit(ctx); err != nil {
			return fmt.Errorf("commit the change of roles: %w", err)
		}
		changed = true
		return nil
	})
	return changed, err
}

// try runs changes one after the other and takes them back. It returns what the database has without them, and
// what it would have with them. It reads the first only if it is not what is known, nil for nothing.
func (s store) try(ctx context.Context, by audit.Actor, known *stored, edits []edit) (before, after stored, err error) {
	err = s.begin(ctx, by, known, func(c *change) (err error) {
		before, c.stored = c.stored, c.clone()
		for _, do := range edits {
			if err := do(c); err != nil {
				return err
			}
		}
		after, err = s.readIn(ctx, c.tx)
		return err
	})
	return before, after, err
}

// begin runs do in a transaction, with what the database has. That is not read if its revision is known. What do does
// not commit is taken back.
func (s store) begin(ctx context.Context, by audit.Actor, known *stored, do func(*change) error) error {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("change the roles: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	revision, err := s.queries.LockRoles(ctx, tx)
	if err != nil {
		return fmt.Errorf("lock the roles: %w", err)
	}
	revision-- // the lock counts as a change
	c := &change{ctx: ctx, tx: tx, queries: s.queries, by: by}
	if known != nil && known.revision == revision {
		c.stored = *known
		return do(c)
	}
	if c.stored, err = s.readIn(ctx, tx); err != nil {
		return err
	}
	c.revision = revision
	return do(c)
}

// wrote takes the result of a statement, and writes what it changed to the audit log.
func (c *change) wrote(err error, action audit.Action, resource string, changes ...audit.Change) error {
	if err != nil {
		return fmt.Errorf("%s %s: %w", action, resource, err)
	}
	c.changed = true
	return audit.Record(c.ctx, c.tx, c.by, action, resource, changes...)
}

func (c *change) addRole(r Role) error {
	err := c.queries.AddRole(c.ctx, c.tx, db.AddRoleParams{Ref: r.Ref, Source: string(r.Metadata.Source), Description: r.Metadata.Description,
		Owner: r.Metadata.Owner, Author: r.Metadata.Author})
	if err := c.wrote(err, audit.RoleCreate, r.Ref, audit.Changed("owner", nil, r.Metadata.Owner)); err != nil {
		return err
	}
	c.stored.addRole(r)
	return c.addMembers(r.Ref, r.Members)
}

// changeRole gives a role the reference, the description, the owner and the last author of another one.
func (c *change) changeRole(existing, to Role) error {
	err := c.queries.ChangeRole(c.ctx, c.tx, db.ChangeRoleParams{Ref: existing.Ref, NewRef: to.Ref,
		Description: to.Metadata.Description, Owner: to.Metadata.Owner, ModifiedBy: to.Metadata.ModifiedBy})
	var changes []audit.Change
	for _, field := range []struct {
		name     string
		old, now *string
	}{
		{"name", &existing.Ref, &to.Ref}, {"owner", existing.Metadata.Owner, to.Metadata.Owner},
		{"description", existing.Metadata.Description, to.Metadata.Description},
	} {
		if (field.old == nil) != (field.now == nil) || field.old != nil && *field.old != *field.now {
			changes = append(changes, audit.Changed(field.name, field.old, field.now))
		}
	}
	c.stored.changeRole(existing.Ref, to)
	return c.wrote(err, audit.RoleUpdate, existing.Ref, changes...)
}

// touchRole gives a role the last author of another one, for a change of what belongs to it. The audit log has that
// change already.
func (c *change) touchRole(to Role) error {
	if err := c.queries.TouchRole(c.ctx, c.tx, to.Metadata.ModifiedBy, to.Ref); err != nil {
		return fmt.Errorf("say who has changed %s: %w", to.Ref, err)
	}
	c.roles[c.index[to.Ref]].Metadata.ModifiedBy = to.Metadata.ModifiedBy
	return nil
}

// removeRoles removes roles with their members, policies and conditions.
func (c *change) removeRoles(refs []string) error {
	err := c.queries.RemoveRoles(c.ctx, c.tx, refs)
	c.stored.removeRoles(refs)
	for _, ref := range refs {
		if err = c.wrote(err, audit.RoleDelete, ref); err != nil {
			return err
		}
	}
	return err
}

func (c *change) addMembers(role string, members []string) error {
	if len(members) == 0 {
		return nil
	}
	c.setMembers(role, func(now []string) []string { return slices.Concat(now, members) })
	return c.wrote(c.queries.AddRoleMembers(c.ctx, c.tx, role, members), audit.RoleUpdate, role, audit.Changed("memberReferences", nil, members))
}

func (c *change) removeMembers(role string, members []string) error {
	if len(members) == 0 {
		return nil
	}
	c.setMembers(role, func(now []string) []string { return without(now, members) })
	return c.wrote(c.queries.RemoveRoleMembers(c.ctx, c.tx, role, members), audit.RoleUpdate, role, audit.Changed("memberReferences", members, nil))
}

func (c *change) addPolicies(policies []Policy) error {
	err := c.queries.AddRolePolicies(c.ctx, c.tx, db.AddRolePoliciesParams(asColumns(policies)))
	c.policies = append(c.policies, policies...)
	for role, lines := range byRole(policies) {
		if err = c.wrote(err, audit.PolicyCreate, role, audit.Changed("policies", nil, lines)); err != nil {
			return err
		}
	}
	return err
}

func (c *change) removePolicies(policies []Policy) error {
	err := c.queries.RemoveRolePolicies(c.ctx, c.tx, db.RemoveRolePoliciesParams(asColumns(policies)))
	c.policies = without(c.policies, policies)
	for role, lines := range byRole(policies) {
		if err = c.wrote(err, audit.PolicyDelete, role, audit.Changed("policies", lines, nil)); err != nil {
			return err
		}
	}
	return err
}

// byRole has the lines of each role.
func byRole(policies []Policy) map[string][]string {
	lines := map[string][]string{}
	for _, p := range policies {
		lines[p.Role] = append(lines[p.Role], p.columns())
	}
	return lines
}

// policyColumns are policies as parameters of a statement.
type policyColumns struct{ Roles, Permissions, Actions, Effects []string }

func asColumns(policies []Policy) (columns policyColumns) {
	for _, p := range policies {
		columns.Roles, columns.Permissions = append(columns.Roles, p.Role), append(columns.Permissions, p.Permission)
		columns.Actions, columns.Effects = append(columns.Actions, p.Action), append(columns.Effects, p.Effect)
	}
	return columns
}

func (c *change) addCondition(spec ConditionSpec) (id int64, err error) {
	permissions, err := json.Marshal(spec.Permissions)
	if err != nil {
		return 0, fmt.Errorf("encode the permissions of a condition: %w", err)
	}
	id, err = c.queries.AddRoleCondition(c.ctx, c.tx, db.AddRoleConditionParams{Role: spec.Role, PluginID: spec.PluginID,
		ResourceType: string(spec.ResourceType), PermissionMapping: permissions, Conditions: spec.Criteria})
	c.conditions = append(c.conditions, Condition{id, spec})
	return id, c.wrote(err, audit.ConditionCreate, spec.Role, audit.Changed("condition", nil, spec))
}

func (c *change) changeCondition(existing Condition, to ConditionSpec) error {
	permissions, err := json.Marshal(to.Permissions)
	if err != nil {
		return fmt.Errorf("encode the permissions of a condition: %w", err)
	}
	err = c.queries.ChangeRoleCondition(c.ctx, c.tx, db.ChangeRoleConditionParams{ID: existing.ID, Role: to.Role,
		PluginID: to.PluginID, ResourceType: string(to.ResourceType), PermissionMapping: permissions, Conditions: to.Criteria})
	c.conditions[c.conditionAt(existing.ID)].ConditionSpec = to
	return c.wrote(err, audit.ConditionUpdate, to.Role, audit.Changed("condition", existing.ConditionSpec, to))
}

func (c *change) removeConditions(conditions ...Condition) error {
	for _, condition := range conditions {
		err := c.queries.RemoveRoleCondition(c.ctx, c.tx, condition.ID)
		c.conditions = slices.DeleteFunc(c.conditions, func(stored Condition) bool { return stored.ID == condition.ID })
		if err := c.wrote(err, audit.ConditionDelete, condition.Role, audit.Changed("condition", condition.ConditionSpec, nil)); err != nil {
			return err
		}
	}
	return nil
}
