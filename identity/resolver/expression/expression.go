// Package expression evaluates expressions in CEL, https://cel.dev, that say which user of the catalog a person is.
// What they compute is bounded: a person's claims come from elsewhere.
package expression

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"

	"github.com/portico-dev/portico/identity/provider"
)

const (
	// maxSize and maxDepth bound an expression, in characters and in levels.
	maxSize  = 4096
	maxDepth = 50
	// maxNesting bounds how deeply loops over lists are nested, and maxPattern the size of a compiled pattern.
	maxNesting = 2
	maxPattern = 1000
	// maxCost bounds an evaluation in CEL's unit, about one operation, and deadline its time. maxMemory is how many
	// characters and list items its values have at once: the cost leaves out values whose type is not known.
	maxCost       = 100_000
	maxMemory     = 4 << 20
	deadline      = 200 * time.Millisecond
	checkInterval = 100
	// maxResult bounds the result in bytes, and maxReason the reason of a failure.
	maxResult = 512
	maxReason = 200
)

// Profile is the person that an expression is about. The variable claims has everything that the provider said.
type Profile struct {
	Subject     string `cel:"subject"`
	UserID      string `cel:"userId"`
	Username    string `cel:"username"`
	Email       string `cel:"email"`
	DisplayName string `cel:"displayName"`
}

// Expression is a compiled expression. It is safe for concurrent use.
type Expression struct{ program cel.Program }

// Compile checks an expression: its variables and functions, and that its result is a text. The error names the
// line and the column within the expression.
func Compile(text string) (*Expression, error) {
	environment, err := newEnvironment()
	if err != nil {
		return nil, fmt.Errorf("prepare CEL: %w", err)
	}
	checked, issues := environment.Compile(text)
	if issues.Err() != nil {
		return nil, problems(issues)
	}
	if output := checked.OutputType(); !output.IsExactType(cel.StringType) && !output.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("its result is a %s, and must be a text: the name or reference of a User, or '' for nobody", output)
	}
	if err := checkPatterns(checked); err != nil {
		return nil, err
	}
	program, err := environment.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost), cel.MemoryLimit(maxMemory),
		cel.InterruptCheckFrequency(checkInterval))
	if err != nil {
		return nil, fmt.Errorf("it cannot be evaluated: %w", err)
	}
	return &Expression{program}, nil
}

// newEnvironment has CEL's standard functions and three more for texts. CEL's own library for texts can make a
// text of any size by one call.
func newEnvironment() (*cel.Env, error) {
	return cel.NewEnv(
		cel.ParserExpressionSizeLimit(maxSize), cel.ParserRecursionLimit(maxDepth),
		ext.NativeTypes(reflect.TypeFor[Profile](), ext.ParseStructTags(true)),
		cel.Variable("profile", cel.ObjectType("expression.Profile")),
		cel.Variable("claims", cel.MapType(cel.StringType, cel.DynType)),
		onText("lowerAscii", lowerASCII),
		onText("trim", strings.TrimSpace),
		cel.Function("split", cel.MemberOverload("string_split_string", []*cel.Type{cel.StringType, cel.StringType}, cel.ListType(cel.StringType),
			cel.BinaryBinding(split))),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateRegexProgramSizeLimit(maxPattern), cel.ValidateComprehensionNestingLimit(maxNesting)),
	)
}

// onText is a function of a text.
func onText(name string, function func(string) string) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload("string_"+name, []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(func(value ref.Val) ref.Val {
		text, is := value.(types.String)
		if !is {
			return types.MaybeNoSuchOverloadErr(value)
		}
		return types.String(function(string(text)))
	})))
}

// lowerASCII leaves letters alone that others, such as the Kelvin sign, would become an ASCII letter of.
func lowerASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

func split(value, separator ref.Val) ref.Val {
	text, is := value.(types.String)
	by, also := separator.(types.String)
	if !is || !also {
		return types.MaybeNoSuchOverloadErr(value)
	}
	return types.DefaultTypeAdapter.NativeToValue(strings.Split(string(text), string(by)))
}

// checkPatterns refuses patterns that are computed: whoever has a claim could choose them, and they are compiled
// before their cost is known.
func checkPatterns(checked *cel.Ast) error {
	root := ast.NavigateAST(checked.NativeRep())
	for _, call := range ast.MatchDescendants(root, ast.FunctionMatcher("matches")) {
		arguments := call.AsCall().Args()
		if pattern := arguments[len(arguments)-1]; pattern.Kind() != ast.LiteralKind {
			return errors.New("the pattern of matches must be written in the expression")
		}
	}
	return nil
}

// problems is an error with all issues, one on a line.
func problems(issues *cel.Issues) error {
	var lines []string
	for _, issue := range issues.Errors() {
		lines = append(lines, fmt.Sprintf("%d:%d: %s", issue.Location.Line(), issue.Location.Column()+1, issue.Message))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// ErrTooLong is the error of an evaluation that was stopped.
var ErrTooLong = errors.New("the expression computes too long for this person")

// Evaluate returns the name or reference of a user, "" for none.
func (e *Expression) Evaluate(ctx context.Context, person provider.Person) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	claims := person.Claims
	if claims == nil {
		claims = map[string]any{}
	}
	profile := Profile{Subject: person.Subject, UserID: person.UserID, Username: person.Username, Email: person.Profile.Email, DisplayName: person.Profile.DisplayName}
	result, _, err := e.program.ContextEval(ctx, map[string]any{"profile": profile, "claims": claims})
	switch {
	case err != nil && isTooLong(ctx, err):
		return "", ErrTooLong
	case err != nil:
		return "", errors.New("the expression failed: " + shortened(err.Error()))
	case result == types.NullValue:
		return "", nil
	}
	text, is := result.(types.String)
	if !is {
		return "", fmt.Errorf("the expression's result is a %s, not a text", result.Type().TypeName())
	}
	if len(text) > maxResult {
		return "", errors.New("the expression's result is too long for a reference")
	}
	return string(text), nil
}

func isTooLong(ctx context.Context, err error) bool {
	_, cancelled := errors.AsType[interpreter.EvalCancelledError](err)
	return ctx.Err() != nil || cancelled
}

func shortened(text string) string {
	if len(text) > maxReason {
		return strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}
