# Brazilian Portuguese notices; en.ftl explains the form.

change = { $brand }: pediram a troca do seu telefone. Foi outra pessoa? Em nosso site, cancele com { $undo } ou denuncie com { $report }.
    .encoding = gsm-7
security = { $brand }: um ajuste que protege sua conta mudou. Se foi outra pessoa, fale com a gente agora.
    .encoding = gsm-7

call-hello = Alô. Aqui é { $brand }.
call-change = { call-hello } Pediram a troca do seu telefone. Se não foi você, entre em nosso site. Para cancelar, digite { $undo } Para denunciar, { $report } Repetindo. Para cancelar, { $undo } Para denunciar, { $report }
call-security = { call-hello } Um ajuste que protege sua conta mudou. Se não foi você, fale com a gente agora.
