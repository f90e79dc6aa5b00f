"""Names of invented people, in the scripts in which people write theirs. The first of a list are the commonest."""

from typing import NamedTuple


class Culture(NamedTuple):
    """How people of one language are called, where they live, and how often they come. Blanks part the names."""

    share: int
    women: str
    men: str
    families: str
    """Names that many bear."""
    stems: str
    endings: str
    """What the names are put together from that few bear."""
    between: str
    """What stands between the two family names that some have; nothing where nobody has two."""
    cities: list[str]
    streets: list[str]
    phone: str
    """Its digits are those that all numbers there begin with."""


CULTURES = [
    Culture(
        share=26,
        women="María Carmen Ana Lucía Sofía Isabel Rocío Inés Begoña Martina Elena Pilar Ángela Verónica",
        men="José Antonio Juan Jesús Ángel Álvaro Andrés Joaquín Íñigo Martín Ramón Hernán Adrián Raúl",
        families="García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz"
        " Hernández Díaz Moreno Muñoz Álvarez Núñez Gutiérrez Peña Ibáñez",
        stems="Agu Bar Cal Del Esc Fon Gal Her Ita Lar Mon Nav Oli Pal Que Riv Sal Tor Urb Vill Zam",
        endings="ado ales anero ano ares ellas era eros etxea illo iña osa ueta uelo uña",
        between=" ",
        cities=["Madrid", "Sevilla", "A Coruña", "Bogotá", "Ciudad de México", "Córdoba"],
        streets=["Calle Mayor", "Avenida de la Constitución", "Plaza España", "Paseo del Río"],
        phone="+34 6",
    ),
    Culture(
        share=14,
        women="Anna Maria Sophie Lena Jutta Käthe Ursula Brünhild Marlene Frieda Jördis Heike",
        men="Hans Peter Jürgen Günther Lukas Jörg Sören Björn Maximilian Götz Karl-Heinz Uwe",
        families="Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer"
        " Richter Klein Wolf Schröder Neumann Krüger Weiß Groß Jäger Köhler",
        stems="Acker Berg Birn Eichen Feld Grün Hasen Kessel Linden Mühl Nieder Ober Rosen Stein Wald",
        endings="bach bauer berg brück dorf egger feld hauser hofer holz mann meier rath straßer",
        between="-",
        cities=["Berlin", "München", "Köln", "Zürich", "Linz", "Görlitz"],
        streets=["Hauptstraße", "Bahnhofstraße", "Gartenweg", "Am Mühlgraben"],
        phone="+49 30 ",
    ),
    Culture(
        share=16,
        women="Olivia Emily Grace Zoë Sinéad Chloé Siobhán Renée Charlotte Maeve Amélie Françoise",
        men="James John William Seán François René Oliver Pádraig Jérôme Liam Thomas Étienne",
        families="Smith Jones Williams Brown Taylor Davies Evans Wilson O'Brien O'Connor Murphy Dubois Lefèvre"
        " Lemaître D'Angelo MacDonald Fitzgerald Béranger Côté",
        stems="Ash Black Brad Clay Cross Elm Green Hart Hol Kings Long Mar Nor Red Stan Thorn Whit",
        endings="bourne bury by croft den field ford ham hurst ley more ridge stead ton well wick worth",
        between="-",
        cities=["London", "Dublin", "Montréal", "Saint-Étienne", "Boston", "Galway"],
        streets=["Harbour Street", "Church Lane", "Rue de l'Église", "Station Road"],
        phone="+44 20 7",
    ),
    Culture(
        share=9,
        women="Agnieszka Małgorzata Zofia Łucja Jiřina Zdeňka Ágnes Ildikó Ștefania Žofie Ewa",
        men="Łukasz Paweł Stanisław Jiří Ondřej György István Ștefan Wojciech Zdeněk Jan",
        families="Nowak Kowalski Wiśniewski Wójcik Kowalczyk Zieliński Dvořák Novák Nagy Szabó Kovács Tóth"
        " Popescu Ionescu Černý Świątek Łęcki",
        stems="Bart Dąb Grzeg Jabł Kacz Krzyż Leśn Maj Ostr Piąt Sikor Szym Wilcz Wróbl Zając Żur",
        endings="acki ak ański czak czyk ecki ewicz ewski iński ik kiewicz oński owski",
        between="-",
        cities=["Kraków", "Łódź", "Brno", "Pécs", "Iași", "Plzeň"],
        streets=["ulica Długa", "Hlavní", "Petőfi utca", "Strada Păcii"],
        phone="+48 5",
    ),
    Culture(
        share=7,
        women="Ingrid Åsa Solveig Bjørg Märta Þórdís Guðrún Ayşe Gülşen Çiğdem Zeynep Nguyệt Thị",
        men="Lars Åke Jørgen Søren Øystein Þór Bjørn Ömer Çağlar İbrahim Mehmet Đức Tuấn",
        families="Hansen Johansson Nilsson Sørensen Åström Ødegård Yılmaz Öztürk Şahin Çelik Nguyễn Trần Phạm"
        " Đặng Bjørnstad Sigurðsson",
        stems="Ander Berg Dal Ek Fjell Hedin Holm Lind Nord Ny Sand Sjö Sol Strand Söder Vester Ås",
        endings="berg blom by dahl gård gren holm kvist lund mark mo ström stad vik øy",
        between="",
        cities=["Göteborg", "Tromsø", "Ísafjörður", "İzmir", "Đà Nẵng", "Ålesund"],
        streets=["Storgatan", "Kongens gate", "Atatürk Caddesi", "Đường Lê Lợi"],
        phone="+46 70 ",
    ),
    Culture(
        share=4,
        women="Μαρία Ελένη Αικατερίνη Βασιλική Σοφία Αγγελική Γεωργία Δήμητρα",
        men="Γεώργιος Ιωάννης Κωνσταντίνος Δημήτρης Νικόλαος Παναγιώτης Βασίλης Χρήστος",
        families="Παπαδόπουλος Βλάχος Αγγελόπουλος Νικολαΐδης Γεωργίου Οικονόμου Παππάς Κωνσταντίνου",
        stems="Αθανασ Αναγνωστ Γιανν Δημητρ Θεοδωρ Καραγιανν Κυριακ Μιχαηλ Παναγιωτ Σταυρ",
        endings="άκης ίδης όπουλος ούδης έας ιάδης",
        between="",
        cities=["Αθήνα", "Θεσσαλονίκη", "Πάτρα", "Ηράκλειο"],
        streets=["Οδός Ερμού", "Λεωφόρος Αλεξάνδρας", "Οδός Αθηνάς"],
        phone="+30 69",
    ),
    Culture(
        share=6,
        women="Анна Елена Ольга Наталья Юлія Оксана Алёна Татьяна Світлана Ирина",
        men="Александр Сергей Дмитрий Андрей Олексій Михайло Пётр Иван Юрий Василь",
        families="Иванов Смирнов Кузнецов Попов Шевченко Коваленко Бондаренко Соколов Мельник Ткачук Соловьёв",
        stems="Алексе Бел Васил Григор Дани Заха Кири Лазар Мака Никит Остап Рома Степан Тимо",
        endings="ев енко ов чук ский ин ченко ьев юк",
        between="",
        cities=["Київ", "Москва", "Харків", "Львів", "Пловдив"],
        streets=["улица Ленина", "вулиця Шевченка", "Садовая улица"],
        phone="+380 44 ",
    ),
    Culture(
        share=5,
        women="فاطمة مريم عائشة زينب ليلى نور سارة هدى آمنة",
        men="محمد أحمد علي حسن عمر يوسف إبراهيم خالد مصطفى عبدالله",
        families="المصري العلي الحسن حداد خوري النجار الشامي منصور السيد عثمان",
        stems="البغداد الحلب الدمشق الطرابلس العراق القدس الكرم المغرب النابلس اليمن",
        endings="ي ية اوي اني",
        between="",
        cities=["القاهرة", "بيروت", "دمشق", "عمّان"],
        streets=["شارع النيل", "شارع الحمراء", "شارع الملك حسين"],
        phone="+20 10",
    ),
    Culture(
        share=2,
        women="נועה תמר מאיה שרה רחל יעל אביגיל שירה",
        men="דוד יוסף משה אברהם איתן נועם יונתן אורי",
        families="כהן לוי מזרחי פרץ ביטון דהן אברהם פרידמן",
        stems="אשכנז ברקו גולד זילבר רוזנ שטרנ ויינ גרינ",
        endings="ברג מן פלד שטיין בלום טל",
        between="",
        cities=["תל אביב", "ירושלים", "חיפה"],
        streets=["רחוב הרצל", "שדרות רוטשילד", "רחוב יפו"],
        phone="+972 50 ",
    ),
    Culture(
        share=4,
        women="芳 秀英 娜 敏 静 丽 小红 玉兰 雪梅 婷",
        men="伟 强 磊 军 洋 勇 小明 建国 志强 杰",
        families="王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 林 高 罗",
        stems="欧 司 上 诸 东 皇 尉 公 令 夏",
        endings="阳 马 官 葛 方 甫 迟 孙 狐 侯",
        between="",
        cities=["北京市", "上海市", "成都市"],
        streets=["人民路", "中山路", "解放大道"],
        phone="+86 138 ",
    ),
    Culture(
        share=3,
        women="陽子 恵子 美咲 さくら 結衣 真由美 ひなた 智子",
        men="健 翔太 大輔 拓也 蓮 太郎 浩 ひろし",
        families="佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田",
        stems="青 石 上 大 小 川 木 高 谷 西 松 森 宮 村 吉",
        endings="木 田 野 原 村 山 川 島 崎 沢 井 本",
        between="",
        cities=["東京都新宿区", "大阪市北区", "京都市"],
        streets=["本町", "中央通り", "桜台"],
        phone="+81 90 ",
    ),
    Culture(
        share=2,
        women="서연 지우 민서 하은 영희 수진 은주 미경",
        men="민준 서준 지훈 철수 영수 동현 성민 준호",
        families="김 이 박 최 정 강 조 윤 장 임 한 오",
        stems="남궁 황보 제갈 사공 선우 서문",
        endings="석 수 희 란 진 호",
        between="",
        cities=["서울특별시", "부산광역시", "대구광역시"],
        streets=["세종대로", "강남대로", "중앙로"],
        phone="+82 10 ",
    ),
    Culture(
        share=2,
        women="प्रिया सुनीता अंजलि कविता पूजा लक्ष्मी राधा सीता",
        men="राहुल अमित राजेश संजय विकास अर्जुन कृष्ण मोहन",
        families="शर्मा वर्मा सिंह गुप्ता कुमार पटेल यादव मिश्रा जोशी त्रिपाठी",
        stems="अग्नि देव धर्म राम विश्व शिव सोम हरि",
        endings="होत्री दास नाथ पाल राज वाल",
        between="",
        cities=["दिल्ली", "मुंबई", "वाराणसी"],
        streets=["महात्मा गांधी मार्ग", "स्टेशन रोड", "नेहरू नगर"],
        phone="+91 98",
    ),
]
SPECIALTIES = ["General practice", "Cardiology", "Paediatrics", "Surgery", "Gynaecology", "Neurology", "Orthopaedics"]
DOMAINS = ["example.org", "example.com", "mail.example", "clinic.example", "example.net"]
