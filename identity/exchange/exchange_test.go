package exchange_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/exchange"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/oidctest"
	"github.com/portico-dev/portico/seal"
)

const audience = "https://portico.example.com"

type claims map[string]any

// with returns the claims with some replaced; nil removes one.
func (c claims) with(others claims) claims {
	changed := maps.Clone(c)
	for name, value := range others {
		changed[name] = value
		if value == nil {
			delete(changed, name)
		}
	}
	return changed
}

// bench is a service that trusts one real issuer.
type bench struct {
	*exchange.Service

	pool   *pgxpool.Pool
	at     *mockoidc.MockOIDC
	access *identity.Authenticator
	log    *strings.Builder
}

var mayStart = []identity.Restriction{{Plugin: "scaffolder", Permissions: []string{"scaffolder.task.create"}}}

// rules are for a repository on GitHub and one on GitLab.
var rules = []exchange.Rule{
	{Subject: "shop", Restrictions: mayStart, Claims: map[string][]string{"repository_id": {"4711"}, "ref": {"refs/heads/main", "refs/tags/v*", "refs/heads/release/**"}}},
	{Subject: "shop-prod", Restrictions: []identity.Restriction{{Plugin: "catalog"}}, Claims: map[string][]string{"repository": {"acme/*"}, "environment": {"production"}}},
	{Subject: "ledger", Restrictions: mayStart, Claims: map[string][]string{"project_path": {"acme/ledger"}, "ref_protected": {"true"}}},
	{Subject: "reviews", Restrictions: mayStart, Claims: map[string][]string{"repository_id": {"4711"}, "event_name": {"pull_request"}, "ref": {"refs/pull/*/merge"}}},
	{Subject: "any", Restrictions: mayStart, Claims: map[string][]string{"repository_id": {"4711"}, "event_name": {"*"}, "ref": {"refs/heads/any"}}},
}

func newBench(t *testing.T) *bench {
	t.Helper()
	_, at := oidctest.Mock(t, "ci", nil)
	b := &bench{pool: testkit.Database(t), at: at, log: &strings.Builder{}}
	log := slog.New(slog.NewTextHandler(b.log, nil))
	seals, err := seal.NewKeyring(seal.GenerateKey("2026"))
	require.NoError(t, err)
	issuer := identity.NewIssuer(identity.IssuerOptions{URL: audience + "/api/auth", Keys: identity.NewSigningKeys(b.pool, seals, log), Ownerships: identity.NewOwnerships(b.pool)})
	b.access = identity.NewAuthenticator(issuer, nil)
	b.Service, err = exchange.New(exchange.Options{Pool: b.pool, Issuer: issuer, Log: log, Refusals: audit.NewAttempts(b.pool, log), Audience: audience, Lifetime: 15 * time.Minute,
		Trusted: []exchange.Trusted{{Issuer: at.Issuer(), Keys: identity.NewIssuerKeys(at.Issuer(), nil, log), Rules: rules}}})
	require.NoError(t, err)
	return b
}

// github is what GitHub signs for a job on the branch main.
func (b *bench) github() claims {
	return claims{"iss": b.at.Issuer(), "aud": audience, "sub": "repo:acme/shop:ref:refs/heads/main", "jti": uuid.NewString(),
		"iat": time.Now().Unix(), "nbf": time.Now().Add(-10 * time.Minute).Unix(), "exp": time.Now().Add(10 * time.Minute).Unix(),
		"repository": "acme/shop", "repository_id": "4711", "repository_owner": "acme", "repository_owner_id": "12", "ref": "refs/heads/main", "ref_type": "branch",
		"ref_protected": "true", "event_name": "push", "workflow_ref": "acme/shop/.github/workflows/deploy.yml@refs/heads/main", "actor": "ada", "run_id": "99", "run_attempt": "1"}
}

// gitlab is what GitLab signs for a job on the branch main.
func (b *bench) gitlab() claims {
	return claims{"iss": b.at.Issuer(), "aud": audience, "sub": "project_path:acme/ledger:ref_type:branch:ref:main", "jti": uuid.NewString(),
		"iat": time.Now().Unix(), "nbf": time.Now().Add(-5 * time.Second).Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		"project_path": "acme/ledger", "project_id": "7", "namespace_path": "acme", "ref": "main", "ref_type": "branch", "ref_protected": "true", "pipeline_source": "push", "user_login": "ada"}
}

func (b *bench) sign(t *testing.T, of claims) string {
	t.Helper()
	return oidctest.JobToken(t, b.at, of)
}

func TestJobsGetATokenByTheRuleTheyMeet(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, test := range map[string]struct {
		claims  claims
		subject string
		access  []identity.Restriction
	}{
		"a branch at GitHub":               {b.github(), "external:shop:repo:acme/shop:ref:refs/heads/main", mayStart},
		"a tag":                            {b.github().with(claims{"ref": "refs/tags/v1.2"}), "external:shop:repo:acme/shop:ref:refs/heads/main", mayStart},
		"a branch with slashes":            {b.github().with(claims{"ref": "refs/heads/release/2026/11"}), "external:shop:repo:acme/shop:ref:refs/heads/main", mayStart},
		"the repository was renamed":       {b.github().with(claims{"repository": "acme/store"}), "external:shop:repo:acme/shop:ref:refs/heads/main", mayStart},
		"an environment":                   {b.github().with(claims{"ref": "refs/heads/x", "environment": "production"}), "external:shop-prod:repo:acme/shop:ref:refs/heads/main", []identity.Restriction{{Plugin: "catalog"}}},
		"a review that a rule names":       {b.github().with(claims{"event_name": "pull_request", "ref": "refs/pull/1/merge"}), "external:reviews:repo:acme/shop:ref:refs/heads/main", mayStart},
		"GitLab":                           {b.gitlab(), "external:ledger:project_path:acme/ledger:ref_type:branch:ref:main", mayStart},
		"several audiences":                {b.gitlab().with(claims{"aud": []string{"https://other.example", audience}}), "external:ledger:project_path:acme/ledger:ref_type:branch:ref:main", mayStart},
		"a number and a truth value":       {b.github().with(claims{"repository_id": 4711, "ref_protected": true}), "external:shop:repo:acme/shop:ref:refs/heads/main", mayStart},
		"a token without an id of its own": {b.github().with(claims{"jti": nil}), "external:shop:repo:acme/shop:ref:refs/heads/main", mayStart},
	} {
		issued, err := b.Exchange(t.Context(), b.sign(t, test.claims))
		require.NoError(t, err, name)
		require.Equal(t, 15*time.Minute, issued.Lifetime)
		principal, err := b.access.Authenticate(t.Context(), issued.Token)
		require.NoError(t, err, name)
		require.Equal(t, identity.Principal{Kind: identity.KindService, Subject: test.subject, Restrictions: test.access, Token: issued.Token}, principal, name)
	}
}

func TestJobsThatMeetNoRuleGetNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, changed := range map[string]claims{
		"another repository of the same name": b.github().with(claims{"repository_id": "4712"}),
		"another ref":                         b.github().with(claims{"ref": "refs/heads/feature"}),
		"a ref with more segments":            b.github().with(claims{"ref": "refs/tags/v1/2"}),
		"a ref that only contains it":         b.github().with(claims{"ref": "refs/heads/main2"}),
		"no ref":                              b.github().with(claims{"ref": nil}),
		"another environment":                 b.github().with(claims{"ref": "refs/heads/x", "environment": "staging"}),
		"another owner":                       b.github().with(claims{"repository_id": "1", "repository": "evil/shop", "environment": "production"}),
		"a pull request":                      b.github().with(claims{"event_name": "pull_request", "ref": "refs/heads/main"}),
		"a pull request from a fork that runs on the branch": b.github().with(claims{"event_name": "pull_request_target"}),
		"a review":                    b.github().with(claims{"event_name": "pull_request_review"}),
		"a comment in a review":       b.github().with(claims{"event_name": "pull_request_review_comment"}),
		"a merge request from a fork": b.gitlab().with(claims{"pipeline_source": "external_pull_request_event"}),
		"a child of a pipeline that may be of a merge request": b.gitlab().with(claims{"pipeline_source": "parent_pipeline"}),
		"an event that a rule has by a wildcard only":          b.github().with(claims{"ref": "refs/heads/any", "event_name": "pull_request_target"}),
		"a merge request":          b.gitlab().with(claims{"pipeline_source": "merge_request_event"}),
		"an unprotected branch":    b.gitlab().with(claims{"ref_protected": "false"}),
		"a list instead of a text": b.gitlab().with(claims{"project_path": []string{"acme/ledger"}}),
		"other letters":            b.gitlab().with(claims{"project_path": "Acme/ledger"}),
	} {
		_, err := b.Exchange(t.Context(), b.sign(t, changed))
		require.Equal(t, fault.NotAllowed, fault.KindOf(err), name)
	}
	require.Contains(t, b.log.String(), `ref is \"refs/heads/feature\"`, "the operator sees which claim it is")
}

// TestTokensThatAreRefused changes one thing of an otherwise good token.
func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	var asked atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(evil.Close)
	keyID, err := b.at.Keypair.KeyID()
	require.NoError(t, err)
	good := b.sign(t, b.github())
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	public, err := b.at.Keypair.JWKS()
	require.NoError(t, err)
	minted, err := b.Exchange(t.Context(), b.sign(t, b.github()))
	require.NoError(t, err)
	for name, test := range map[string]struct{ token, says string }{
		"another audience":           {b.sign(t, b.github().with(claims{"aud": "https://other.example"})), "for another audience than " + audience},
		"no audience":                {b.sign(t, b.github().with(claims{"aud": nil})), "for another audience than " + audience},
		"an unknown issuer":          {b.sign(t, b.github().with(claims{"iss": evil.URL})), "its issuer is not configured"},
		"no issuer":                  {b.sign(t, b.github().with(claims{"iss": nil})), "its issuer is not configured"},
		"expired":                    {b.sign(t, b.github().with(claims{"exp": time.Now().Add(-time.Minute).Unix()})), "it has expired"},
		"without an end":             {b.sign(t, b.github().with(claims{"exp": nil})), "it never expires"},
		"not valid yet":              {b.sign(t, b.github().with(claims{"nbf": time.Now().Add(time.Minute).Unix()})), "it is not valid yet"},
		"without a subject":          {b.sign(t, b.github().with(claims{"sub": nil})), "it has no subject"},
		"a long subject":             {b.sign(t, b.github().with(claims{"sub": strings.Repeat("x", 501)})), "a too long one"},
		"no algorithm":               {none + "." + parts[1] + ".", "it is no JSON Web Token"},
		"signed with the public key": {signed(t, jose.HS256, public, keyID, b.github()), "it is no JSON Web Token"},
		"a foreign key by our id":    {signed(t, jose.ES256, private, keyID, b.github()), "no key of its issuer has signed it"},
		"a foreign key":              {signed(t, jose.ES256, private, "mine", b.github()), "no key of its issuer has signed it"},
		"changed claims":             {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+b.at.Issuer()+`"}`)) + "." + parts[2], "no key of its issuer has signed it"},
		"a megabyte":                 {good + strings.Repeat("x", 1<<20), "it is too large"},
		"no token":                   {"opensesame", "it is no JSON Web Token"},
		"nothing":                    {"", "it is no JSON Web Token"},
		"a token of Portico":         {minted.Token, "its issuer is not configured"},
	} {
		_, err := b.Exchange(t.Context(), test.token)
		require.Equal(t, fault.Authentication, fault.KindOf(err), name)
		require.ErrorContains(t, err, test.says, name)
	}
	require.Zero(t, asked.Load(), "nobody else is asked for keys")
}

func signed(t *testing.T, algorithm jose.SignatureAlgorithm, key any, id string, of claims) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", id))
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(map[string]any(of)).Serialize()
	require.NoError(t, err)
	return token
}

// respellings write a token in another way, which anybody can do without the key: the decoder of base64 skips
// line breaks, and the bits after the last byte.
var respellings = map[string]func(string) string{
	"a line break in the header":    func(token string) string { return broken(token, 0) },
	"a line break in the claims":    func(token string) string { return broken(token, 1) },
	"a line break in the signature": func(token string) string { return broken(token, 2) },
	"other bits after the signature": func(token string) string {
		const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		last := len(token) - 1
		return token[:last] + string(digits[strings.IndexByte(digits, token[last])^1])
	},
}

// broken breaks a line in the midst of a part of a token.
func broken(token string, part int) string {
	parts := strings.Split(token, ".")
	parts[part] = parts[part][:4] + "\n" + parts[part][4:]
	return strings.Join(parts, ".")
}

func TestATokenIsExchangedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.github()
	for name, pair := range map[string][2]string{
		"the same token":          {b.sign(t, b.gitlab().with(claims{"jti": "1"})), b.sign(t, b.gitlab().with(claims{"jti": "1"}))},
		"the same without its id": {b.sign(t, job.with(claims{"jti": nil})), b.sign(t, job.with(claims{"jti": nil}))},
	} {
		_, err := b.Exchange(t.Context(), pair[0])
		require.NoError(t, err, name)
		_, err = b.Exchange(t.Context(), pair[1])
		require.Equal(t, fault.Authentication, fault.KindOf(err), name)
		require.ErrorContains(t, err, "exchanged before", name)
	}
	for name, respell := range respellings {
		for _, of := range []claims{b.github(), b.github().with(claims{"jti": nil, "sub": "repo:acme/shop:" + name})} {
			token := b.sign(t, of)
			_, err := b.Exchange(t.Context(), token)
			require.NoError(t, err, name)
			_, err = b.Exchange(t.Context(), respell(token))
			require.Equal(t, fault.Authentication, fault.KindOf(err), name)
			require.ErrorContains(t, err, "exchanged before", name)
		}
	}
	token, made := b.sign(t, b.github()), atomic.Int64{}
	var group errgroup.Group
	for range 10 {
		group.Go(func() error {
			if _, err := b.Exchange(t.Context(), token); err == nil {
				made.Add(1)
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, int64(1), made.Load(), "of ten at once")
}

func TestExchangesAreInTheAuditLog(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	token := b.sign(t, b.github())
	issued, err := b.Exchange(t.Context(), token)
	require.NoError(t, err)
	_, err = b.Exchange(t.Context(), token)
	require.Error(t, err)
	_, err = b.Exchange(t.Context(), b.sign(t, b.github().with(claims{"ref": "refs/heads/x"})))
	require.Error(t, err)
	rows, err := b.pool.Query(t.Context(), `select concat_ws(' ', actor_kind, actor, action, resource, outcome, reason), coalesce(changes::text, '') from audit_events order by id`)
	require.NoError(t, err)
	var events, changes []string
	for rows.Next() {
		var event, changed string
		require.NoError(t, rows.Scan(&event, &changed))
		events, changes = append(events, event), append(changes, changed)
	}
	require.NoError(t, rows.Err())
	sub, at := "repo:acme/shop:ref:refs/heads/main", b.at.Issuer()
	require.Equal(t, []string{
		"service external:shop:" + sub + " token.exchange " + at + " done",
		" " + sub + " token.exchange " + at + " denied it was used before",
		" " + sub + " token.exchange " + at + " denied no rule accepts it",
	}, events)
	for n, change := range changes {
		require.Contains(t, change, `{"field":"run_id","new":"99"}`, events[n])
		require.Contains(t, change, `{"field":"repository","new":"acme/shop"}`, events[n])
	}
	for _, secret := range []string{token, issued.Token} {
		require.NotContains(t, strings.Join(changes, ""), secret)
		require.NotContains(t, b.log.String(), secret)
	}
}

func TestAnIssuerThatIsDownIsUnavailable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	token := b.sign(t, b.github())
	require.NoError(t, b.at.Shutdown())
	_, err := b.Exchange(t.Context(), token)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.ErrorContains(t, err, "the keys of "+b.at.Issuer()+" could not be fetched")
}

// TestTokensOfServicesEnd: and no token can be changed to more than it was made for.
func TestAnIssuedTokenIsOfItsKindOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	issued, err := b.Exchange(t.Context(), b.sign(t, b.github()))
	require.NoError(t, err)
	_, err = identity.Limit(issued.Token)
	require.Error(t, err)
	_, err = b.Issuer.Verify(t.Context(), issued.Token)
	require.Equal(t, fault.Authentication, fault.KindOf(err), "it is no user token")
	parts := strings.Split(issued.Token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var stated struct{ Iat, Exp int64 }
	require.NoError(t, json.Unmarshal(payload, &stated))
	require.Equal(t, int64(15*60), stated.Exp-stated.Iat)
	more := strings.Replace(string(payload), "scaffolder.task.create", "catalog.entity.delete", 1)
	_, err = b.access.Authenticate(t.Context(), parts[0]+"."+base64.RawURLEncoding.EncodeToString([]byte(more))+"."+parts[2])
	require.Equal(t, fault.Authentication, fault.KindOf(err))
}

func TestRulesThatAnybodyMeetsAreRefused(t *testing.T) {
	t.Parallel()
	good := map[string][]string{"repository_id": {"1"}, "ref": {"refs/heads/main"}}
	for says, rule := range map[string]exchange.Rule{
		"accessRestrictions are missing":         {Claims: good},
		"claims do not say whose jobs are meant": {Restrictions: mayStart, Claims: map[string][]string{"ref": {"refs/heads/main"}}},
		"claims do not say which ref is meant":   {Restrictions: mayStart, Claims: map[string][]string{"repository": {"acme/shop"}}},
		`claims.ref: "[" is no pattern`:          {Restrictions: mayStart, Claims: map[string][]string{"repository": {"acme/shop"}, "ref": {"["}}},
		`claims.ref has no value`:                {Restrictions: mayStart, Claims: map[string][]string{"repository": {"acme/shop"}, "ref": {}}},
	} {
		_, err := exchange.New(exchange.Options{Trusted: []exchange.Trusted{{Rules: []exchange.Rule{rule}}}})
		require.ErrorContains(t, err, "issuers[0].rules[0]: "+says)
	}
	_, err := exchange.New(exchange.Options{Lifetime: 2 * time.Hour})
	require.ErrorContains(t, err, "an hour is the most")
	_, err = exchange.New(exchange.Options{Trusted: []exchange.Trusted{{Issuer: "a"}, {Issuer: "a"}}})
	require.ErrorContains(t, err, "issuers[1] has the issuer of an earlier entry")
}

// TestARuleBindsAnOwnerAndARef: a value with a wildcard binds to what is before it.
func TestARuleBindsAnOwnerAndARef(t *testing.T) {
	t.Parallel()
	const owner, ref = "claims do not say whose jobs are meant", "claims do not say which ref is meant"
	for _, test := range []struct {
		claim, value string
		others       map[string][]string
		refused      string
	}{
		{claim: "sub", value: "*/shop", refused: owner},
		{claim: "sub", value: "**", refused: owner},
		{claim: "sub", value: "a*/shop", refused: owner},
		{claim: "sub", value: "{acme,evil}/shop", refused: owner},
		{claim: "sub", value: "repo:*/shop", refused: owner},
		{claim: "sub", value: "repo:/shop", refused: owner},
		{claim: "sub", value: "/**", refused: owner},
		{claim: "sub", value: "https://**", refused: owner},
		{claim: "sub", value: "https://*/acme/shop", refused: owner},
		{claim: "sub", value: "https://git.example/**", refused: owner},
		{claim: "sub", value: "https://git.example/acme/**", refused: ref},
		{claim: "sub", value: "https://git.example/acme/shop:ref:main"},

		{claim: "sub", value: "repo:acme/**", refused: ref},
		{claim: "sub", value: "repo:acme/shop:*", refused: ref},
		{claim: "sub", value: "repo:acme/shop", refused: ref},
		{claim: "sub", value: "repo:acme/shop:ref:*", refused: ref},
		{claim: "sub", value: "repo:acme/shop:ref:refs/**", refused: ref},
		{claim: "sub", value: "repo:acme/shop:environment:*", refused: ref},
		{claim: "sub", value: "project_path:acme/ledger:ref_type:branch:ref:*", refused: ref},
		{claim: "sub", value: "repo:acme/shop:ref:refs/heads/main"},
		{claim: "sub", value: "repo:acme/*:ref:refs/tags/v*"},
		{claim: "sub", value: "repo:acme/shop:environment:production"},
		{claim: "sub", value: "repo:acme/shop:job_workflow_ref:acme/ci/.github/workflows/deploy.yml@refs/heads/main"},
		{claim: "sub", value: "repo:acme/shop:pull_request"},
		{claim: "sub", value: "project_path:acme/ledger:ref_type:branch:ref:main"},
		{claim: "sub", value: "organization:acme:pipeline:shop:ref:refs/heads/main:commit:*:step:*"},

		{claim: "ref", value: "**", refused: ref},
		{claim: "ref", value: "*", refused: ref},
		{claim: "ref", value: "r*/**", refused: ref},
		{claim: "ref", value: "refs/**", refused: ref},
		{claim: "ref", value: "refs/{heads,tags}/main", refused: ref},
		{claim: "ref", value: "refs/heads/**", refused: ref},
		{claim: "ref", value: "refs/heads/*", refused: ref},
		{claim: "ref", value: "refs/tags/*", refused: ref},
		{claim: "ref", value: "main"},
		{claim: "ref", value: "release/**"},
		{claim: "ref", value: "refs/heads/release/**"},
		{claim: "ref", value: "refs/tags/v*"},
		{claim: "ref", value: "refs/pull/*/merge"},
		{claim: "ref", value: "*", others: map[string][]string{"environment": {"production"}}},
		{claim: "ref_path", value: "refs/heads/*", refused: ref},
		{claim: "ref_protected", value: "true"},
		{claim: "ref_protected", value: "false", refused: ref},
		{claim: "ref_protected", value: "*", refused: ref},
		{claim: "environment", value: "*", refused: ref},
		{claim: "environment", value: "prod-*"},
		{claim: "workflow_ref", value: "acme/shop/**", refused: ref},
		{claim: "workflow_ref", value: "acme/shop/.github/workflows/deploy.yml@*", refused: ref},
		{claim: "job_workflow_ref", value: "acme/ci/.github/workflows/*@refs/heads/main"},
	} {
		of := map[string][]string{test.claim: {test.value}}
		if test.claim != "sub" {
			of["repository_id"] = []string{"4711"}
		}
		maps.Copy(of, test.others)
		_, err := exchange.New(exchange.Options{Trusted: []exchange.Trusted{{Rules: []exchange.Rule{{Restrictions: mayStart, Claims: of}}}}})
		if test.refused == "" {
			require.NoError(t, err, "%s: %s", test.claim, test.value)
			continue
		}
		require.ErrorContains(t, err, test.refused, "%s: %s", test.claim, test.value)
	}
	_, err := exchange.New(exchange.Options{Trusted: []exchange.Trusted{{Rules: []exchange.Rule{{Restrictions: mayStart,
		Claims: map[string][]string{"repository_id": {"4711"}, "ref": {"refs/heads/main", "refs/heads/*"}}}}}}})
	require.ErrorContains(t, err, ref, "each value of the claim")
}
