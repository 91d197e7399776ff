module ${{ values.repository.host }}/${{ values.repository.owner }}/${{ values.repository.repo }}

go 1.26
