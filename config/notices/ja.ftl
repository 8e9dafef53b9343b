# Japanese notices; en.ftl explains the form. With the longest name an SMS is two
# segments, as every text outside the GSM alphabet may be; with common ones it is
# one.

change = { $brand }：電話番号の変更の申請です。違う場合は当社サイトで取消 { $undo } 通報 { $report }
security = { $brand }：アカウントの保護設定が変更されました。心当たりがない場合は、すぐにご連絡ください。

call-hello = { $brand }です。
call-change = { call-hello }電話番号の変更が申請されました。違う場合は、サイトで入力してください。取消は、{ $undo } 通報は、{ $report } 繰り返します。取消は、{ $undo } 通報は、{ $report }
call-security = { call-hello }アカウントの保護設定が変更されました。心当たりがない場合は、すぐにご連絡ください。
