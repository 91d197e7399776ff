module "${{ values.name | replace('-', '_') }}" {
  source = "../../modules/postgresql"

  name   = "${{ values.name }}"
  size   = "${{ values.size }}"
  labels = { owner = "${{ (values.owner | parseEntityRef).name }}" }
}
