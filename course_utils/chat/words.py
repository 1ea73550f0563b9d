"""What apps write themselves, in tables by language. A row is `language: phrase | phrase`, without `<>` and marks."""

import re

# What stands for a file that was left out; on Android and on the Web in angle brackets. Old and new wordings.
OMITTED_ROWS = """
en: Media omitted | Video note omitted | View once voice message omitted | View once photo omitted
en: View once video omitted | image omitted | video omitted | audio omitted | GIF omitted | sticker omitted
en: document omitted | photo omitted | voice message omitted | video message omitted | album omitted | file omitted
de: Medien ausgeschlossen | Medien weggelassen | Bild weggelassen | Video weggelassen | Audio weggelassen
de: GIF weggelassen | Sticker weggelassen | Dokument weggelassen | Videonachricht weggelassen
de: Videonotiz ausgeschlossen | Sprachnachricht weggelassen
es: Multimedia omitido | Archivo omitido | imagen omitida | video omitido | audio omitido | GIF omitido
es: sticker omitido | documento omitido | foto omitida | Vídeo omitido | Nota de video omitida
fr: Médias omis | Fichier omis | image absente | vidéo absente | audio omis | GIF retiré | sticker omis
fr: document manquant
pt: Mídia oculta | Mídia omitida | Ficheiro não revelado | imagem ocultada | imagem não revelada | vídeo omitido
pt: vídeo não revelado | áudio ocultado | ficheiro de áudio não revelado | GIF omitido | GIF não revelada
pt: figurinha omitida | sticker não revelado | documento omitido | documento não revelado | Arquivo de mídia oculto
it: Media omessi | Media omesso | immagine omessa | video omesso | audio omesso | GIF esclusa | sticker non incluso
it: documento omesso
nl: Media weggelaten | afbeelding weggelaten | video weggelaten | audio weggelaten | GIF weggelaten
nl: sticker weggelaten | document weggelaten
tr: Medya dahil edilmedi | Medya atlanmış | görüntü dahil edilmedi | video dahil edilmedi | ses dahil edilmedi
tr: GIF dahil edilmedi | Çıkartma dahil edilmedi | belge dahil edilmedi
ru: Без медиафайлов | Файл пропущен | изображение отсутствует | видео отсутствует | аудиофайл отсутствует
ru: GIF отсутствует | стикер не добавлен | стикер отсутствует | документ пропущен | документ отсутствует
uk: медіа пропущено | зображення відсутнє | відео відсутнє | аудіо відсутнє | документ пропущено
zh: 忽略多媒體檔 | 省略多媒体文件 | 图片已忽略 | 照片已忽略 | 视频已忽略 | 音频已忽略 | 贴图已省略 | 文档已省略
zh: 影像已略去 | 圖片已略去 | 圖像已省略 | 影片已略去 | 影片已省略 | 音訊已略去 | 音訊已省略 | 貼圖已略去 | 貼圖已忽略
zh: 文件已略去 | 文件已忽略 | GIF 已略去 | GIF 動態圖已忽略 | GIF 图已忽略 | 已略去多媒體檔案 | 已省略媒體
ja: メディアなし | メディアは含まれていません | 画像は含まれていません | ビデオは含まれていません
ja: 音声は含まれていません | 動画は含まれていません | 写真は含まれていません
ja: スタンプは含まれていません | GIFは含まれていません | ドキュメントは含まれていません | メディアを除く
ko: 미디어 파일 제외됨 | 미디어 파일을 생략한 대화내용 | 이미지 생략됨 | 사진 생략됨 | 비디오 생략됨 | 동영상 생략됨
ko: 오디오 생략됨 | 스티커 제외됨 | GIF 생략됨 | 문서 생략됨
ar: تم استبعاد الوسائط | لم يتم إدراج الصورة | لم يتم إدراج الفيديوهات | لم يتم إدراج المقاطع الصوتية
ar: تم حذف الملصقات | لم يتم إدراج صورة GIF | لم يتم إدراج المستند
he: המדיה לא נכללה | מדיה הושמטה | התמונה הושמטה | סרטון הווידאו הושמט | קטע קול הושמט | השמע הושמט
he: סטיקר הושמט | GIF הושמט | מסמך הושמט
fa: رسانه حذف شد | پيوست نما/آهنگ حذف شد | تصویر حذف شد | ویدیو حذف شد | صدا حذف شد | استیکر حذف شد | سند حذف شد
hi: मीडिया के बिना | मीडिया छोड़ा गया | फ़ोटो हटाई गई | वीडियो छोड़ा गया | ऑडियो हटाई गयी | स्टिकर छोड़ा गया
fi: media jätettiin pois | Media jätetty pois | ei kuvaa | videota ei sisällytetä | äänitiedostoa ei sisällytetä
fi: tarraa ei sisällytetty | GIF-animaatio jätetty pois | dokumenttia ei sisällytetä
id: Media tidak disertakan | gambar tidak disertakan | video tidak disertakan | audio tidak disertakan
id: stiker tidak disertakan | GIF tidak disertakan | dokumen tidak disertakan
pl: pominięto multimedia | pliki pominięto | obraz pominięty | wideo pominięte | audio pominięte
pl: pominięto naklejkę | dokument pominięty
sv: media utelämnat | Media har utelämnats | bild utesluten | video utesluten | ljud utelslutet | sticker utesluten
nb: media utelatt | Uten vedlegg | bilde ikke inkludert | video utelatt | lyd utelatt
da: medier udeladt | Mediefil udeladt | billede udeladt | video udeladt | lyd udeladt
cs: média vynechány | Média vynechána | obrázek vynechán | video vynecháno | zvukový soubor vynechán
sk: Médiá vynechané | obrázok vynechaný | video vynechané
ro: conținut media omis | Imagine omisă | clip video omis
hu: média elhagyva | Hiányzó médiafájl | kép küldése sikertelen | Videó kihagyva
el: αρχείο παραλήφθηκε | Εξαίρεση πολυμέσων | εικόνα παραλείφθηκε | βίντεο παραλείφθηκε
bg: Без файл | sr: медији су изостављени | hr: medijski zapis izostavljen | slika izostavljena
sl: datoteke izpuščene
ca: fitxers multimèdia omesos | Mitjans omesos | Imatge omesa | et: meedia välja jäetud | Meedia ära jäetud
lv: nav iekļauta multivide | Bez multivides | lt: medija praleista | Praleistas medijos turinys
sq: media u hoq | Media hequr | mk: без фајлови | az: media buraxıldı | Media çıxarılmışdır
kk: файлдар қосылмаған | Файл қосылған жоқ | uz: fayl o‘tkazib yuborildi
vi: bỏ qua tệp phương tiện | Bỏ qua Media | đã bỏ qua hình ảnh | đã bỏ video
th: ไฟล์สื่อถูกลบ | สื่อถูกลบ | ไม่มีรูปภาพ | ms: media dikecualikan | Media disingkirkan | imej tidak dimasukkan
tl: inalis ang media | Walang kalakip na media | sw: media hazijajumuishwa | Media imerukwa | af: media weggelaat
ur: میڈیا چھوڑ دیا گیا | میڈیا ہٹا دیا گیا | bn: মিডিয়া বাদ দেওয়া হয়েছে | gu: મિડિયા છોડી મૂકાયું
gu: મીડિયા અવગણવામાં આવ્યા
mr: मीडिया वगळण्यात आला | मीडिया वगळले | pa: ਮੀਡੀਆ ਛੱਡਿਆ | ta: கோப்புகள் விடப்பட்டன | te: మీడియా విస్మరించబడింది
ml: മീഡിയ ഒഴിവാക്കി | kn: ಮಾಧ್ಯಮ ಕೈಬಿಡಲಾಗಿದೆ
uk: Наклейку не додано | GIF-анімацію пропущено
zh: GIF 圖片已被省略 | GIF 动态图已被忽略
hi: GIF छोड़ा गया | डॉक्यूमेंट छोड़ा गया | fa: GIF حذف شد
pl: Plik GIF pominięty | sv: GIF utesluten | dokument uteslutet
nb: klistremerke utelatt | GIF utelatt | utelatt dokument
da: klistermærke udeladt | GIF udeladt | dokument udeladt | cs: nálepka vynechána | GIF vynechán | dokument vynechán
ro: fără audio | GIF omis | document omis | hu: Hang kihagyása | matrica kihagyva | GIF fájl kihagyása
hu: dokumentum kihagyva
el: ήχος παραλείφθηκε | αυτοκόλλητο παραλήφθηκε | Παράληψη GIF | έγγραφο παραλείφθηκε
vi: bỏ qua tệp âm thanh | đã bỏ sticker | Đã bỏ qua ảnh GIF | đã bỏ qua tài liệu
th: วิดีโอถูกลบ | ไม่มีไฟล์เสียง | ไม่มีสติกเกอร์ | ละเว้น GIF | ละเว้นเอกสาร
"""

CONTACT_ROWS = """
en: Contact card omitted | de: Kontaktkarte ausgelassen | Kontaktkarte weggelassen | es: Tarjeta de contacto omitida
fr: Fiche contact manquante | pt: Cartão do contato omitido | Contacto não revelado | it: Scheda contatto omessa
nl: Visitekaartje weggelaten | tr: Kişi kartı dahil edilmedi | ru: Карточка контакта отсутствует
zh: 联系人卡片已忽略 | 聯絡人卡片已略去 | 聯絡人卡片已省略 | ja: 連絡先カードを省略 | ko: 연락처 카드 생략됨
ar: لم يتم إدراج بطاقة جهة اتصال | he: כרטיס איש קשר הושמט | fi: Yhteystietokortti jätettiin pois
id: Kartu kontak tidak disertakan | pl: Pominięta wizytówka kontaktu
uk: Картка контакту відсутня | hi: कॉन्टैक्ट कार्ड छोड़ा गया | fa: برگ مخاطب حذف شد | sv: Kontaktkort uteslutet
nb: Kontaktkort sløyfet | da: Kontaktkort udeladt | cs: Vizitka vynechána | ro: Carte de vizită contact omisă
hu: Névjegykártya kihagyva | el: Η κάρτα επαφής παραλήφθηκε | vi: Bỏ qua thẻ liên lạc | th: บัตรรายชื่อที่ละเว้น
ca: Targeta de contacte omesa
"""

DELETED_ROWS = """
en: This message was deleted | You deleted this message | Message deleted
de: Diese Nachricht wurde gelöscht | Du hast diese Nachricht gelöscht
es: Se eliminó este mensaje | Eliminaste este mensaje | Este mensaje fue eliminado | Borraste este mensaje
es: Este mensaje ha sido eliminado | Has eliminado este mensaje
fr: Ce message a été supprimé | Vous avez supprimé ce message | Tu as supprimé ce message
pt: Mensagem apagada | Esta mensagem foi apagada | Essa mensagem foi apagada | Você apagou esta mensagem
pt: Apagou esta mensagem | Você apagou essa mensagem | Apagaste esta mensagem | Esta mensagem foi eliminada
it: Questo messaggio è stato eliminato | Hai eliminato questo messaggio
nl: Dit bericht is verwijderd | U hebt dit bericht verwijderd | Je hebt dit bericht verwijderd
tr: Bu mesaj silindi | Bu mesajı sildiniz | Bu mesajı sildin
ru: Данное сообщение удалено | Это сообщение было удалено | Вы удалили данное сообщение | Вы удалили это сообщение
uk: Це повідомлення було видалено | Ви видалили це повідомлення
zh: 这条消息已被删除 | 您已删除这条消息 | 你已删除这条消息 | 此訊息已刪除 | 您已刪除此訊息 | 你已刪除此訊息
zh: 信息已删除 | 此消息已删除 | 此消息已被删除 | 您已删除此消息 | 你已删除此消息 | 您删除了此消息 | 你删除了这条消息
zh: 您删除了这条消息 | 此訊息已被刪除 | 這則訊息已刪除 | 您已刪除這則訊息 | 您刪除了此訊息 | 你刪除了此訊息
zh: 你已收回此訊息
ja: このメッセージは削除されました | このメッセージを削除しました | メッセージを削除しました
ja: メッセージは削除されました
ko: 이 메시지는 삭제되었습니다 | 삭제된 메시지입니다 | 삭제한 메시지입니다 | 이 메시지를 삭제했습니다
ar: تم حذف هذه الرسالة | لقد حذَفت هذه الرسالة | أنت حذفت هذه الرسالة | حذفت هذه الرسالة
he: הודעה זו נמחקה | ההודעה נמחקה | מחקת את ההודעה הזו | מחקת הודעה זו
fa: این پیام حذف شد | این پیام حذف شده است | شما این پیام را حذف کردید
hi: यह मैसेज डिलीट कर दिया गया है | यह संदेश मिटाया गया | आपने यह मैसेज डिलीट किया
hi: यह मैसेज डिलीट कर दिया गया | यह मैसेज मिटाया गया
fi: Tämä viesti poistettiin | Poistit tämän viestin
id: Pesan ini dihapus | Pesan ini telah dihapus | Anda menghapus pesan ini | Anda telah menghapus pesan ini
pl: Ta wiadomość została usunięta | Usunięto tę wiadomość | sv: Detta meddelande raderades
sv: Det här meddelandet raderades | Det här meddelandet har raderats | Det här meddelandet togs bort
sv: Du raderade det här meddelandet | Du tog bort det här meddelandet | nb: Denne meldingen ble slettet
nb: Du slettet denne meldingen | da: Denne besked blev slettet | Denne besked er blevet slettet
da: Denne besked er slettet
da: Du slettede denne besked | cs: Tato zpráva byla odstraněna | Tato zpráva byla smazána
cs: Odstranili jste tuto zprávu | Tuto zprávu jste odstranili | Smazali jste tuto zprávu
sk: Táto správa bola odstránená
sk: Táto správa bola vymazaná | Odstránili ste túto správu | hu: Ezt az üzenetet törölték | Ez az üzenet törölve lett
hu: Törölted ezt az üzenetet | ro: Acest mesaj a fost șters | Ai șters acest mesaj | Ați șters acest mesaj
el: Αυτό το μήνυμα διαγράφηκε | Διαγράψατε αυτό το μήνυμα | bg: Това съобщение беше изтрито
bg: Това съобщение бе изтрито | Изтрихте това съобщение | hr: Ova poruka je izbrisana | Izbrisali ste ovu poruku
sr: Ова порука је избрисана | Избрисали сте ову поруку | sl: To sporočilo je bilo izbrisano
uk: Це повідомлення видалено | ca: S'ha suprimit aquest missatge | Aquest missatge s'ha suprimit
ca: Has suprimit aquest missatge | vi: Tin nhắn này đã bị xóa | Tin nhắn này đã bị xoá | Bạn đã xóa tin nhắn này
vi: Bạn đã xoá tin nhắn này | th: ข้อความนี้ถูกลบแล้ว | ข้อความนี้ถูกลบ | คุณลบข้อความนี้แล้ว | คุณลบข้อความนี้
ms: Mesej ini telah dipadamkan | Mesej ini telah dipadam | Mesej ini dipadam | Anda telah memadamkan mesej ini
ms: Anda memadamkan mesej ini | tl: Binura ang mensaheng ito | Binura mo ang mensaheng ito
af: Hierdie boodskap is geskrap | Jy het hierdie boodskap geskrap | sw: Ujumbe huu ulifutwa | Ulifuta ujumbe huu
bn: এই মেসেজটি মুছে ফেলা হয়েছে | আপনি এই মেসেজটি মুছে ফেলেছেন | ur: یہ پیغام حذف کر دیا گیا
et: See sõnum kustutati | lt: Ši žinutė ištrinta | lv: Šis ziņojums tika izdzēsts
en: This message was deleted by an admin | You deleted this message as admin
pt: Esta mensagem foi apagada pelo remetente | zh: 您删除这个信息 | hi: आपने यह संदेश मिटाया
pl: Usunąłeś(-ęłaś) tę wiadomość | Usunąłeś(aś) tę wiadomość | sv: Du har tagit bort meddelandet
sv: Du raderade detta meddelande | da: Du har slettet denne besked | cs: Tuto zprávu jste smazal/a
cs: Tuto zprávu jste odstranil/a | hu: Ez az üzenet törlésre került | Ezt az üzenetet törölted
el: Διαγράψατε το μήνυμα | bg: Съобщението беше изтрито | hr: Ova je poruka izbrisana | et: See sõnum on kustutatud
ca: Aquest missatge està esborrat | Has esborrat aquest missatge | th: ข้อความนี้ได้ถูกลบ | คุณได้ลบข้อความนี้
tl: Itong mensahe ay binura na
"""

# After a group's administrator deleted it: begins like this, and a name follows.
DELETED_BY_ROWS = """
en: This message was deleted by admin | de: Diese Nachricht wurde von Admin | Diese Nachricht wurde vom Admin
es: Este mensaje fue eliminado por | fr: Ce message a été supprimé par
pt: Esta mensagem foi apagada por | Mensagem apagada por | it: Questo messaggio è stato eliminato da
nl: Dit bericht is verwijderd door
"""

EDITED_ROWS = """
en: This message was edited | de: Diese Nachricht wurde bearbeitet
es: Se editó este mensaje | Este mensaje fue editado | fr: Ce message a été modifié
pt: Mensagem editada | Esta mensagem foi editada | Essa mensagem foi editada
it: Questo messaggio è stato modificato | nl: Dit bericht is bewerkt | Dit bericht werd bewerkt
tr: Bu mesaj düzenlendi | ru: Сообщение изменено | Это сообщение изменено | Данное сообщение изменено
zh: 此訊息已編輯 | 该消息已编辑 | 此消息已编辑 | 这条消息已编辑 | ja: このメッセージは編集されました
ko: 이 메시지는 수정되었습니다
ko: 수정된 메시지입니다 | ar: تم تعديل هذه الرسالة | he: ההודעה נערכה | הודעה זו נערכה
fi: Tätä viestiä muokattiin | Viestiä muokattiin | id: Pesan ini diedit | Pesan ini telah diedit
"""

# Stems of "edited" and of "media", by which such words are known in a language or a wording that isn't above.
EDITED_STEM_ROWS = """
en: edited | de: bearbeitet | es: editó | editad | fr: modifi | it: modific | nl: bewerkt | sv: redigera | nb: redigert
da: redigeret | pl: zmienion | edytowan | cs: upraven | sk: upraven | hu: szerkeszt | ro: editat | tr: düzenlen
ru: изменен | изменён | отредактирован | uk: змінен | відредагован | bg: редактиран | el: επεξεργ | fi: muokat
id: diedit
vi: chỉnh sửa | th: แก้ไข | hi: एडिट | संपादित | bn: এডিট | ar: تعديل | fa: ویرایش | he: נערכ | zh: 编辑 | 編輯 | ja: 編集
ko: 수정 | 편집
"""
MEDIA_STEM_ROWS = """
en: media | multimedia | fr: média | multimédia | ca: multimèdia | mèdia | pt: mídia | et: meedia | pl: mediów
nb: medie
cs: médi | da: medie | tr: medya | lt: medij | ru: медиа | медіа | bg: медия | sr: медиј | el: πολυμέσ | zh: 媒体 | 媒體
ja: メディア | ko: 미디어 | ar: وسائط | he: מדיה | fa: رسانه | hi: मीडिया | bn: মিডিয়া | ta: மீடியா | te: మీడియా | th: สื่อ
vi: phương tiện
"""

# In round brackets after a file's name (Android, Web), or before it and a colon in angle brackets (iOS).
ATTACHED_ROWS = """
en: file attached | attached | de: Datei angehängt | Anhang | angehängt | es: archivo adjunto | adjunto
fr: fichier joint | pièce jointe | joint | pt: arquivo anexado | ficheiro anexado | anexado | it: file allegato
it: allegato | nl: bestand bijgevoegd | bijgevoegd | bijlage | tr: dosya ekli | dosya eklendi | eklenen | ekli
ru: файл добавлен | прикреплён файл | вложено | прикреплено | zh: 文件附件 | 檔案已附加 | 附件 | 已附加 | 附加檔案
ja: ファイル添付 | 添付ファイル | 添付 | ko: 파일 첨부됨 | 첨부 | 첨부됨 | ar: الملف مرفق | ملف مرفق | مرفق | مُرفق
he: הקובץ מצורף | קובץ מצורף | מצורף | fi: tiedosto liitetty | liite | liitetty | id: file terlampir | terlampir
hi: फ़ाइल संलग्न है | फ़ाइल अटैच की गई | pl: załączony plik | plik załączony | załączono | sv: bifogad fil | fil bifogad
nb: fil vedlagt | vedlagt fil | da: vedhæftet fil | fil vedhæftet | cs: soubor byl přiložen | přiložený soubor
cs: přiložen soubor | sk: priložený súbor | hu: csatolt fájl | fájl csatolva | ro: fișier atașat | uk: файл додано
uk: прикріплений файл | el: συνημμένο αρχείο | bg: прикачен файл | hr: priložena datoteka | datoteka priložena
vi: tệp đính kèm | đã đính kèm tệp | th: ไฟล์ที่แนบมา | ไฟล์แนบ | ms: fail dilampirkan | fail disertakan
ca: fitxer adjunt | fa: فایل پیوست شد | پیوست | af: lêer aangeheg
"""

# Before a comma or a full stop there may stand how long it took, or what to tap.
CALL_ROWS = """
en: Missed voice call | Missed video call | Voice call | Video call | Missed group voice call
en: Missed group video call | Group voice call | Group video call | Missed group call | Group call
en: Silenced voice call | Silenced video call | Missed call | Outgoing voice call | Incoming voice call
en: Outgoing video call | Incoming video call | Call ended
de: Verpasster Sprachanruf | Verpasster Videoanruf | Sprachanruf | Videoanruf | Verpasster Gruppen-Sprachanruf
de: Verpasster Gruppen-Videoanruf | Gruppen-Sprachanruf | Gruppen-Videoanruf | Verpasster Gruppenanruf
de: Gruppenanruf | Anruf verpasst
de: Stummgeschalteter Sprachanruf | Stummgeschalteter Videoanruf | Verpasster Anruf
es: Llamada perdida | Llamada de voz perdida | Videollamada perdida | Llamada de voz | Videollamada
fr: Appel vocal manqué | Appel vidéo manqué | Appel vocal | Appel vidéo
pt: Chamada de voz perdida | Chamada de vídeo perdida | Videochamada perdida | Chamada de voz | Chamada de vídeo
pt: Ligação de voz perdida | Ligação de vídeo perdida | Ligação de voz | Ligação de vídeo
it: Chiamata vocale persa | Videochiamata persa | Chiamata vocale | Videochiamata
nl: Gemiste spraakoproep | Gemiste video-oproep | Gemist spraakgesprek | Gemist videogesprek | Spraakoproep
nl: Video-oproep | tr: Cevapsız sesli arama | Cevapsız görüntülü arama | Sesli arama | Görüntülü arama
ru: Пропущенный аудиозвонок | Пропущенный видеозвонок | Аудиозвонок | Видеозвонок
zh: 未接语音通话 | 未接视频通话 | 语音通话 | 视频通话 | 未接語音通話 | 未接視像通話 | 未接視訊通話 | 語音通話
zh: 視訊通話 | 未接語音來電 | 未接視像來電 | 未接視訊來電 | 未接语音来电 | 未接视频来电
ja: 不在着信 | 音声通話不在着信 | ビデオ通話不在着信 | 音声通話の不在着信 | ビデオ通話の不在着信
ja: 音声通話 | ビデオ通話 | ko: 부재중 전화 | 부재중 영상통화
ko: 음성 통화 | 영상 통화 | 부재중 음성통화 | 부재중 음성 통화 | 부재중 영상 통화
ar: مكالمة صوتية فائتة | مكالمة فيديو فائتة | مكالمة صوتية | مكالمة فيديو
he: שיחה קולית שלא נענתה | שיחת וידאו שלא נענתה | שיחה קולית | שיחת וידאו
fi: Vastaamaton äänipuhelu | Vastaamaton videopuhelu | Äänipuhelu | Videopuhelu
id: Panggilan suara tak terjawab | Panggilan video tak terjawab | Panggilan suara | Panggilan video
hi: मिस्ड वॉइस कॉल | मिस्ड वीडियो कॉल | pl: Nieodebrane połączenie głosowe | Nieodebrane połączenie wideo
pl: Połączenie głosowe | Połączenie wideo | sv: Missat röstsamtal | Missat videosamtal | nb: Tapt taleanrop
nb: Tapt videoanrop | da: Mistet taleopkald | Mistet videoopkald | Ubesvaret taleopkald | cs: Zmeškaný hlasový hovor
cs: Zmeškaný videohovor | uk: Пропущений аудіодзвінок | Пропущений голосовий дзвінок | Пропущений відеодзвінок
ro: Apel vocal nepreluat | Apel vocal pierdut | hu: Nem fogadott hanghívás | vi: Cuộc gọi thoại nhỡ | Cuộc gọi video nhỡ
pt: Chamada de voz não atendida | Chamada de vídeo não atendida | Videochamada não atendida
ko: 음성 통화 부재중 | hi: वॉइस कॉल मिस हुई | वीडियो कॉल मिस हुई | fa: تماس صوتی پاسخ داده نشده
fa: تماس تصویری پاسخ داده نشده | pl: Nieodebrane poł | Nieodebrane połączenie
sv: Missat samtal | nb: Tapt videosamtale | da: Mistet opkald | Mistede video opkald | Ubesvaret videoopkald
cs: Zmeškaný hovor | ro: Apel vocal ratat | Apel video ratat | Apel video nepreluat | hu: Nem fogadott videohívás
el: Αναπάντητη φωνητική κλήση | Αναπάντητη βιντεοκλήση | Αναπάντητη κλήση | vi: Cuộc gọi nhỡ | Cuộc gọi nhỡ video
th: สายที่ไม่ได้รับ | วิดีโอคอลที่ไม่ได้รับ | สายโทรวิดีโอที่ไม่ได้รับ | ca: Trucada de veu perduda | Videotrucada perduda
"""

LOCATION_ROWS = """
en: location | de: Standort | es: ubicación | fr: localisation | emplacement | pt: localização | it: posizione
it: luogo | nl: locatie | tr: konum | ru: местоположение | геопозиция | zh: 位置 | ja: 位置情報 | 場所 | ko: 위치
ar: الموقع | he: מיקום | fi: sijainti | id: lokasi | hi: स्थान | लोकेशन | fa: مکان | موقعیت | pl: lokalizacja
sv: plats | nb: posisjon | da: lokation | placering | cs: poloha | hu: tartózkodási hely | helyzet | ro: locație
uk: місцезнаходження | розташування | el: τοποθεσία | vi: vị trí | th: ตำแหน่งที่ตั้ง | ms: lokasi | ca: ubicació
"""

LIVE_ROWS = """
en: live location shared | live location | de: Live-Standort wird geteilt | Live-Standort
es: ubicación en tiempo real compartida | fr: localisation en direct partagée
fr: Localisation en temps réel partagée | pt: localização atual compartilhada
pt: localização em tempo real compartilhada | Está a partilhar a sua localização | it: posizione attuale condivisa
nl: live locatie gedeeld | tr: Mevcut konum paylaşıldı | Canlı konum paylaşıldı | ru: Геоданные отправлены
zh: 共享实时位置 | 實時位置已分享 | 分享即時位置 | ja: ライブロケーション共有 | ko: 공유한 실시간 위치
ar: تمت مشاركة الموقع المباشر | he: משתף מיקום בשידור חי | fi: live-sijainti jaettu | id: Lokasi terkini dibagikan
uk: геодані надіслано | hi: लाइव स्थान साझा किया गया | fa: مکان زنده به اشتراک گذاشته شد
pl: udostępniona transmisja położenia | sv: liveposition delad | nb: posisjon i sanntid delt | da: live placering delt
cs: byla sdílena aktuální poloha | ro: locație în timp real distribuită | hu: tartózkodási hely megosztva
el: η τωρινή τοποθεσία κοινοποιήθηκε | vi: vị trí hiện thời được chia sẻ | th: ตำแหน่งปัจจุบันถูกแบ่งปัน
"""

# A photo that can be opened once: iOS says that it was sent, not what it shows. Also what is still on its way.
ONCE_ROWS = """
en: view once message | view once photo | view once video | view once voice message
de: Einmalansicht | einmaligen Ansicht | einmal ansehen | es: visualización única | ver una vez
fr: vue unique | pt: visualização única | it: visualizza una volta | nl: eenmalige weergave | eenmalig bericht
"""

# Parts of the sentence at the beginning of a chat.
ENCRYPTED_ROWS = """
en: end-to-end encrypted | end-to-end encryption | de: ende-zu-ende-verschlüssel
es: cifrados de extremo a extremo | cifradas de extremo a extremo | fr: chiffrés de bout en bout
pt: criptografia de ponta a ponta | encriptadas ponto a ponto | it: crittografia end-to-end | crittografati end-to-end
nl: end-to-end versleuteld | tr: uçtan uca şifrel | ru: сквозным шифрованием | zh: 端到端加密 | 端對端加密
ja: エンドツーエンド | ko: 종단간 암호화 | ar: التشفير التام | مشفرة تمام | he: מוצפנות מקצה לקצה
fi: täysin salattuja | id: terenkripsi secara end-to-end | fa: رمزگذاری سرتاسر
fi: täysin salattu | id: dienkripsi secara end-to-end | pl: w pełni szyfrowane | pełne szyfrowanie
cs: koncově šifrovan
cs: šifrováním mezi koncovými | sv: totalsträckskrypter | komplett kryptering | da: end-to-end-krypter
nb: ende-til-ende-krypter | kryptering fra ende til ende | el: από άκρο σε άκρο | διατερματικ | hu: végpontok között
ro: criptate integral | criptare integral | vi: mã hóa đầu cuối | mã hoá đầu cuối | mã hoá đầu-cuối
th: ต้นทางถึงปลายทาง | uk: наскрізн | ko: 종단 간 암호화 | 엔드투엔드 | hi: एंड-टू-एंड एन्क्रिप्ट
"""

# Parts of what the app says in its own name. They are asked for only where other signs are in favour.
SYSTEM_ROWS = """
en: added | removed | created group | created this group | changed the subject | changed the group name
en: changed this group's icon | changed this group’s icon | changed the group description | deleted this group
en: group description | added you | you added | you removed | removed you | you left | left the group
en: joined using | joined from the community | joined via | security code | changed their phone number
en: changed to a new number | now an admin | no longer an admin | disappearing messages | pinned a message
en: you created | you changed | you joined | you're now | you’re now | blocked this contact | unblocked this contact
en: business account | is a contact | was added | were added | changed this group's settings | this group's settings
en: changed the settings | your security code | waiting for this message | message timer | is no longer using
en: advanced chat privacy | requested to join | new members | you turned | you pinned | started a call
en: started a video call | started a voice call | changed their number | changed the group
en: secure service from meta | reset this group's invite link | no longer a member | started a voice chat
de: ende-zu-ende-verschlüssel | hat die gruppe | du hast | sicherheitsnummer | hat zu | gewechselt
de: hat den betreff | hat das gruppenbild | gruppenbeschreibung | ist jetzt admin | ist kein admin | hinzugefügt
de: hat dich | wurde hinzugefügt | selbstlöschende nachrichten | ist beigetreten | beigetreten | telefonnummer
de: hat einen anruf gestartet | hat einen videoanruf gestartet | gruppennamen | blockiert | angepinnt
es: cifrados de extremo a extremo | cifradas de extremo a extremo | creó el grupo | creaste el grupo | añadió
es: te añadió | agregó | cambió el asunto | cambió el nombre | salió del grupo | código de seguridad | eliminó a
es: se unió | se añadió | cambió el ícono | mensajes temporales | cambiaste | eliminaste a
fr: chiffrés de bout en bout | a créé le groupe | vous avez créé | a ajouté | vous a ajouté | a quitté
fr: a changé le sujet | a modifié | code de sécurité | a retiré | a rejoint | messages éphémères
pt: criptografia de ponta a ponta | encriptadas ponto a ponto | encriptadas | criptografadas | criou o grupo
pt: você criou | adicionou | saiu | mudou o nome | mudou a imagem | mudou o assunto | código de segurança | removeu
pt: entrou usando | mensagens temporárias
it: crittografat | crittografia end-to-end | ha creato il gruppo | hai creato | ha aggiunto | ha abbandonato
it: ha cambiato | codice di sicurezza | ha rimosso | messaggi effimeri
nl: end-to-end versleuteld | heeft de groep | heeft groep | je hebt | heeft je toegevoegd | toegevoegd | verwijderd
nl: heeft het onderwerp | beveiligingscode | neemt deel | zelfverwijderende berichten
tr: uçtan uca şifreli | uçtan uca şifrelenmiştir | grubunu oluşturdu | grubu oluşturdu | ekledi | ayrıldı
tr: güvenlik kodu | grup | değiştirdi
ru: сквозным шифрованием | создал | добавил | покинул | изменил | код безопасности | вышел из группы | удалил
zh: 端到端加密 | 端對端加密 | 创建了群组 | 建立了群組 | 创建了 | 建立了 | 加入 | 離開 | 退出 | 添加了 | 新增了
zh: 安全代码
zh: 已更改 | 變更了
ja: エンドツーエンド | グループを作成 | 追加しました | 退出しました | セキュリティコード | 変更しました
ko: 종단간 암호화 | 그룹을 만들 | 그룹을 생성 | 추가했습니다 | 나갔습니다 | 보안 코드 | 변경했습니다
ar: مشفرة تمام | التشفير التام | أنشأ | أضاف | غادر | غيّر | رمز أمان
he: מוצפנות מקצה לקצה | יצר | צורף | הצטרף | קוד האבטחה | עזב | שינה
fa: رمزگذاری سرتاسر | hi: एंड-टू-एंड एन्क्रिप्टेड | fi: täysin salattuja | päästä päähän | loi ryhmän | lisäsi
fi: poistui | id: terenkripsi secara end-to-end | membuat grup | menambahkan | keluar | kode keamanan
pl: szyfrowane end-to-end | utworzył | dodał
"""

# The same for Facebook's apps, whose sentences arrive as if a person had typed them.
META_ROWS = """
media: sent an attachment | sent a photo | sent a video | sent a voice message | sent a sticker | sent a GIF
media: shared a story | shared a post | shared a reel | sent a reel | hat einen anhang gesendet | hat ein foto gesendet
media: hast einen anhang gesendet | hast ein foto gesendet
media: sent you an attachment | envió un archivo adjunto | a envoyé une pièce jointe | enviou um anexo
call: started a video chat | started an audio call | started a call | started a video call | missed your call
call: missed your video chat | missed a call | missed a video chat | you missed a call | called you
call: missed a call * | missed a video chat * | missed an audio call | missed an audio call * | joined the call
call: joined the video chat | ended the call | ended the video chat | missed video chat | missed audio call
call: video chat ended | audio call ended | the video chat ended | the call ended | missed your audio call
call: started sharing video | stopped sharing video | started sharing their screen
call: hat einen anruf gestartet | hat einen videochat gestartet
deleted: unsent a message
location: sent a location | sent a live location | shared a location | shared a live location
system: liked a message | reacted * to your message | reacted * to a message | named the group * | left the group
system: added * to the group | removed * from the group | set the nickname for * | set your nickname to *
system: left the group * | changed the chat color * | cleared the nickname for * | cleared your nickname
system: removed the nickname for * | removed the group photo | removed the group name | added you to the group
system: changed the group photo | changed the theme * | changed the chat theme * | set the emoji to *
system: set the quick reaction to * | created the group | joined the group | turned on vanish mode
system: turned off vanish mode | pinned a message | you are now connected on messenger * | changed the group name *
system: set their own nickname to * | set his own nickname to * | set her own nickname to *
system: say hi to your new * | you can now message and call each other *
system: waved at you | waved at * | and * waved at each other! | made * an admin | made * a group admin
system: removed * as an admin | removed * as a group admin | messages and calls are secured with end-to-end encryption
system: messages and calls are secured with end-to-end encryption*
system: hat eine nachricht mit „gefällt mir“ markiert | hat mit * auf * nachricht reagiert
poll: created a poll | created a poll * | voted for * | changed their vote to * | * multiple updates to the poll *
poll: this poll is no longer available
"""


# Marks of vowels in Arabic, which some versions write and others don't, and what else differs between them.
PLAINER = dict.fromkeys([*range(0x064B, 0x0653), 0x0640]) | {0xA0: " ", 0x202F: " ", 0x2009: " ", 0x2019: "'"}
DECORATED = re.compile(f"[{''.join(map(chr, PLAINER))}]")


def plainer(text: str) -> str:
    """A phrase as it stands in the tables, whatever the spaces in it are, or the marks on its letters."""
    return (text.translate(PLAINER) if DECORATED.search(text) else text).casefold()


def phrases(rows: str) -> frozenset[str]:
    """The phrases of a table in lower case, of all languages together.

    >>> sorted(phrases("en: Bill | Mara | de: Ida"))
    ['bill', 'ida', 'mara']
    """
    cells = [cell.strip() for row in rows.strip().splitlines() for cell in row.split(" | ")]
    # "en: " in front of a phrase is its language, which is there for us who read the table.
    return frozenset(plainer(cell[4:] if cell[2:4] == ": " else cell) for cell in cells)


def vocabularies(rows: str) -> dict[str, set[str]]:
    """The words of a table's phrases, by language.

    >>> vocabularies("en: photo omitted | de: Bild weggelassen")["en"] == {"photo", "omitted"}
    True
    """
    found: dict[str, set[str]] = {}
    for row in rows.strip().splitlines():
        language = row[:2]
        for cell in row.split(" | "):
            language = cell.strip()[:2] if cell.strip()[2:4] == ": " else language
            found.setdefault(language, set()).update(plainer(cell.strip().removeprefix(f"{language}: ")).split())
    return found


OMITTED, CONTACTS, DELETED, EDITED = map(phrases, (OMITTED_ROWS, CONTACT_ROWS, DELETED_ROWS, EDITED_ROWS))
ATTACHED, CALLS, LOCATIONS, LIVE = map(phrases, (ATTACHED_ROWS, CALL_ROWS, LOCATION_ROWS, LIVE_ROWS))
ONCE, DELETED_BY, ENCRYPTED = map(phrases, (ONCE_ROWS, DELETED_BY_ROWS, ENCRYPTED_ROWS))
EDITED_STEMS, MEDIA_STEMS = map(phrases, (EDITED_STEM_ROWS, MEDIA_STEM_ROWS))
SYSTEM = phrases(SYSTEM_ROWS) | ENCRYPTED
