module ${{ values.repository.host.split(':')[0] }}/${{ values.repository.owner }}/${{ values.repository.repo }}

go 1.26
