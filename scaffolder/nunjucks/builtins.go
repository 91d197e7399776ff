package nunjucks

// The tables of the built-in filters, tests and methods. They never change once the package is initialized.
var (
	// builtinFilters and builtinTests hold filters and tests by name; args[0] is the value that is filtered
	// or tested.
	builtinFilters, builtinTests map[string]builtin

	arrayMethods, iteratorMethods, numberMethods, objectMethods, regexMethods, stringMethods map[string]*callable

	// The methods that Jinja compatibility adds.
	pythonDictionaryMethods, pythonListMethods map[string]*callable
)

func init() { //nolint:gochecknoinits // the built-ins use the tables through the evaluator: initializers would be a cycle
	builtinFilters, builtinTests = newBuiltinFilters(), newBuiltinTests()
	arrayMethods, iteratorMethods = newArrayMethods(), newIteratorMethods()
	numberMethods, objectMethods = newNumberMethods(), newObjectMethods()
	regexMethods, stringMethods = newRegexMethods(), newStringMethods()
	pythonDictionaryMethods, pythonListMethods = newPythonDictionaryMethods(), newPythonListMethods()
}
